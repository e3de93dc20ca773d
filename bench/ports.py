"""Ports for servers that are told where to listen."""

import itertools
import random
import socket

# Below what Linux gives to clients by itself (32,768 to 60,999): a port from there may be some connection's own by the
# time a server asks for it.
FIRST, LAST = 16_000, 29_999
_next = itertools.cycle(range(FIRST, LAST + 1))
for _ in range(random.randrange(LAST - FIRST)):  # two processes rarely look at the same ones
    next(_next)


def free_port() -> int:
    """A TCP port that nobody uses, and that this process did not give away shortly before."""
    for port in itertools.islice(_next, LAST - FIRST + 1):
        with socket.socket() as probe:
            try:
                probe.bind(("", port))
            except OSError:
                continue
            return port
    raise OSError(f"None of the ports {FIRST} to {LAST} is free.")
