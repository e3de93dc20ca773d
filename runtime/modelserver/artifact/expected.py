"""Which digest a revision's content must have: the pin, or what the traffic document has recorded for it."""

import json
from pathlib import Path

from modelserver.errors import BadSettings

DOCUMENT = "traffic.json"


def recorded_digest(traffic_dir: Path, revision: str | None) -> str | None:
    """`digests[revision]` of the traffic document; None without document, revision or record. Unknown keys are fine."""
    path = traffic_dir / DOCUMENT
    if revision is None or not path.is_file():
        return None
    try:
        recorded = json.loads(path.read_text(encoding="utf-8")).get("digests", {}).get(revision)
    except (ValueError, AttributeError, RecursionError) as problem:
        raise BadSettings(f"The traffic document {path} can't be read: {problem}. The operator writes it.") from None
    if recorded is not None and not isinstance(recorded, str):
        raise BadSettings(f"The traffic document {path} holds {recorded!r} as the digest of revision {revision}.")
    return recorded or None
