"""One client's socket, whatever is spoken on it: when it is read, when its time is up, how it ends."""

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modelserver.server.acceptor import Acceptor


class Stream(asyncio.Protocol):
    """`deadline`: when, by the acceptor's clock, its sweep is to look what is the matter.

    That clock counts whole milliseconds (uvloop's), so much can happen at one time of it.
    """

    __slots__ = ("acceptor", "closing", "deadline", "has_asked", "opened_at", "transport", "write_blocked")

    def __init__(self, acceptor: "Acceptor") -> None:
        self.acceptor = acceptor
        self.transport: asyncio.Transport | None = None
        self.closing = False  # the last answer was written: what still comes goes nowhere
        self.write_blocked = False
        self.has_asked = False  # a request of it was answered
        self.deadline = self.opened_at = 0.0

    def _rest(self) -> None:
        """Between two requests: wait for the next one."""
        self.has_asked = True
        if self.transport is None or self.write_blocked:
            return
        self.deadline = self.acceptor.now() + self.acceptor.settings.idle_timeout
        if not self.transport.is_reading():
            self.transport.resume_reading()

    def _read_on(self) -> None:
        if self.transport is not None and not self.write_blocked and not self.transport.is_reading():
            self.transport.resume_reading()

    def _pause_reading(self) -> None:
        if self.transport is not None and self.transport.is_reading():
            self.transport.pause_reading()

    def close(self) -> None:
        """Close after what was written has gone out."""
        self.closing = True
        if self.transport is not None:
            self.transport.close()
            self.deadline = self.acceptor.now() + self.acceptor.settings.write_timeout

    def give_up(self) -> None:
        """Nobody reads: what was written is lost."""
        if self.transport is not None:
            self.transport.abort()

    @property
    def unsent(self) -> int:
        """Bytes of answers that the client has not taken yet."""
        return self.transport.get_write_buffer_size() if self.transport is not None else 0
