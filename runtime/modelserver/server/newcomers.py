"""Who still comes to a server that drains.

A service proxy sends new connections to a pod on its way out only while no other one is ready (EndpointSlice's
conditions `serving` and `terminating`; KEP-1669). So a request on a connection that was made after the news has spread
says that there is nobody else to answer it.
"""

import math
import time
from dataclasses import dataclass


@dataclass(slots=True)
class Newcomers:
    """Times by time.monotonic. `settled`: when every service proxy knows that this server is on its way out; `window`:
    seconds for which the next newcomer is waited for."""

    settled: float
    window: float
    last: float = -math.inf  # when a newcomer asked last

    def asked(self, connected: float) -> None:
        """An inference is asked for, now, on a connection that was made at that time or later."""
        if connected >= self.settled:
            self.last = time.monotonic()

    @property
    def expected(self) -> bool:
        """Whether more of them will come."""
        return time.monotonic() < self.last + self.window
