"""Request heads seen before: a client on a kept-alive connection sends the same bytes again and again."""

from dataclasses import dataclass

from modelserver.server.access import Keys, guarded
from modelserver.server.app import Endpoint
from modelserver.server.http1 import Head, parse_head
from modelserver.server.routes import Router
from modelserver.settings import ServeSettings

REMEMBERED = 1024
REMEMBERED_BYTES = 2048


@dataclass(frozen=True, slots=True)
class Known:
    """A parsed head with what answers it. `plain`: a body of known, allowed length and nothing special.

    `raw` are its bytes, with the empty line at the end.
    """

    head: Head
    endpoint: Endpoint
    plain: bool
    raw: bytes


class KnownHeads:
    """A head's meaning depends on its bytes alone, so parsing and routing are done once for each."""

    def __init__(self, router: Router, settings: ServeSettings, keys: Keys | None = None) -> None:
        self._router, self._settings, self._keys = router, settings, keys
        self._seen: dict[bytes, Known] = {}
        self.get = self._seen.get  # of `raw`, the bytes of a head with the empty line at its end; None if never seen

    def read(self, raw: bytes) -> Known:
        """Raises MalformedRequest or ExpectationFailed."""
        known = self._seen.get(raw)
        if known is not None:
            return known
        head = parse_head(raw)
        plain = not head.expects_continue and head.length is not None and head.length <= self._settings.max_body_bytes
        endpoint = self._router.find(head.method, head.target, head.html)
        if self._keys is not None:
            endpoint = guarded(endpoint, self._keys, head.credential)
        known = Known(head, endpoint, plain, raw)
        if len(raw) <= min(REMEMBERED_BYTES, self._settings.max_header_bytes):
            if len(self._seen) >= REMEMBERED:
                self._seen.clear()
            self._seen[raw] = known
        return known

    def forget(self) -> None:
        """After a change of keys: what was known of a head may not hold any more."""
        self._seen.clear()
