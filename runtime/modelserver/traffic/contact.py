"""Whether the candidate has been reached yet. Pure: time is passed in, in seconds by one clock.

A pod is ready before every node's kube-proxy knows its address: until then its Service refuses connections, which is
nobody's failure. It takes a moment mostly, and many seconds on a busy node.
"""

FIRST_CONTACT_SECONDS = 30.0  # after that a Service that takes no connection is the candidate's failure


class Contact:
    """Of one candidate, by whatever protocol. What is asked anew in each epoch is told by ``begin``."""

    __slots__ = ("_made", "_until")

    def __init__(self, now: float) -> None:
        self._made = False
        self._until = now + FIRST_CONTACT_SECONDS

    def begin(self, now: float) -> None:
        """Other pods may have taken the place of those that were reached."""
        self._made, self._until = False, now + FIRST_CONTACT_SECONDS

    def made(self) -> None:
        """The candidate took a connection, or answered over one that it had taken."""
        self._made = True

    def awaited(self, now: float) -> bool:
        """Whether it is too early to say that the candidate can't be reached."""
        return not self._made and now < self._until
