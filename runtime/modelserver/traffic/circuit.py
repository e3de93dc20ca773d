"""Whether it is worth trying to reach the candidate now. Pure: time is passed in, in seconds by one clock.

A candidate that can't be reached costs each user who is sent there the time of finding that out. After a few failures
in a row nobody is sent for a moment; then one request tries, and what comes of it decides for the others.
"""

FAILURES_IN_A_ROW = 3  # one of several pods may go away and be refused once or twice before kube-proxy knows
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 5.0


class Circuit:
    """Closed (all may pass), open (nobody), or tried (one passes, the others wait for its outcome)."""

    __slots__ = ("_failures", "_pause", "_retry_at", "_trying")

    def __init__(self) -> None:
        self._failures = 0
        self._pause = FIRST_PAUSE_SECONDS
        self._retry_at = 0.0
        self._trying = False

    @property
    def is_open(self) -> bool:
        return self._failures >= FAILURES_IN_A_ROW

    def allow(self, now: float) -> bool:
        """Whether this request may try; each one that was allowed to reports its outcome by one of the others."""
        if not self.is_open:
            return True
        if self._trying or now < self._retry_at:
            return False
        self._trying = True
        return True

    def answered(self) -> None:
        """The candidate answered, whatever it said."""
        self._failures, self._pause, self._trying = 0, FIRST_PAUSE_SECONDS, False

    def failed(self, now: float) -> None:
        """Refused, reset, or no answer in time."""
        if self._trying:
            self._pause = min(self._pause * 2, LONGEST_PAUSE_SECONDS)
        self._failures += 1
        self._trying = False
        self._retry_at = now + self._pause

    def abandoned(self) -> None:
        """The caller left before there was an outcome: the next one may try."""
        self._trying = False
