"""API keys: who may ask. Without MODELSERVER_API_KEYS_FILE everybody may, and nothing of this is in the way."""

import hashlib
import hmac
import re
from pathlib import Path

from modelserver.errors import BadSettings, Unauthorized
from modelserver.server.app import Endpoint, Reply, refusal

# Probes and scrapers have no key; what these paths tell is no secret inside a cluster.
OPEN_PATHS = frozenset({"/v2/health/live", "/v2/health/ready", "/metrics", "/modelway/serving", "/modelway/state"})
HASHED = re.compile(rb"sha256:([0-9a-f]{64})")
CHALLENGE = 'www-authenticate: Bearer realm="modelserver"\r\n'  # RFC 6750 §3


class Keys:
    """The keys of a file, kept as SHA-256 digests: one key a line, plain or `sha256:` and its digest; `#` comments."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._digests: tuple[bytes, ...] = ()

    def read(self) -> None:
        """Raises BadSettings, and keeps what it had, where there is no key in the file."""
        try:
            lines = [line.strip() for line in self.path.read_bytes().splitlines()]
        except OSError as problem:
            raise BadSettings(
                f"MODELSERVER_API_KEYS_FILE is {self.path}, which can't be read: {problem.strerror}."
            ) from None
        digests = tuple(_digest(line) for line in lines if line and not line.startswith(b"#"))
        if not digests:
            raise BadSettings(f"MODELSERVER_API_KEYS_FILE is {self.path}, which holds no key. Write one key a line.")
        self._digests = digests

    def know(self, presented: bytes) -> bool:
        """All are compared, each in constant time, so that the time tells nothing of a key."""
        digest = hashlib.sha256(presented).digest()
        return sum(hmac.compare_digest(digest, known) for known in self._digests) > 0


def _digest(line: bytes) -> bytes:
    hashed = HASHED.fullmatch(line)
    return bytes.fromhex(hashed[1].decode()) if hashed else hashlib.sha256(line).digest()


def guarded(endpoint: Endpoint, keys: Keys, presented: bytes | None) -> Endpoint:
    """The endpoint, or one that asks for a key."""
    if endpoint.label in OPEN_PATHS or (presented is not None and keys.know(presented)):
        return endpoint
    what = "The API key is not known here" if presented is not None else "There is no API key in the request"
    told = _refused(f"{what}. Send the header 'Authorization: Bearer KEY'.")
    return Endpoint(endpoint.label, answer=lambda _: told)


def _refused(sentence: str) -> Reply:
    return refusal(Unauthorized(sentence))._replace(extra=CHALLENGE)
