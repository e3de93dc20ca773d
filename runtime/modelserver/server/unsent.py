"""Answers that clients are slow to read: bounded together, so that nobody holds memory by not reading."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modelserver.server.connection import Connection

HIGH_WATER = 16 * 1024  # bytes of one connection's answers that may wait unnoticed; times all connections


class Unsent:
    """Connections whose writing is blocked, the longest first, with the bytes that waited when it was last looked."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._waiting: dict[Connection, int] = {}
        self.total = 0

    def blocked(self, connection: "Connection") -> None:
        """A connection's client does not keep up; who has waited longest must go where the limit would not hold.

        One answer that is larger than the limit by itself may go out where nobody else waits.
        """
        self.freed(connection)
        self._waiting[connection] = size = connection.unsent
        self.total += size
        while self.total > self._limit and len(self._waiting) > 1:
            longest = next(iter(self._waiting))
            self.freed(longest)
            longest.give_up()

    def freed(self, connection: "Connection") -> None:
        """It has read, or has gone."""
        self.total -= self._waiting.pop(connection, 0)

    def read_on(self, connection: "Connection") -> bool:
        """Whether the client has read some of what waited since it was last looked."""
        before, now = self._waiting.get(connection, 0), connection.unsent
        if now >= before:
            return False
        self._waiting[connection] = now
        self.total -= before - now
        return True
