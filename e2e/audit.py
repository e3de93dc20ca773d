"""Counts requests in the API server's audit log: what the operator really asked, by verb and resource."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

OPERATOR = "system:serviceaccount:modelway-system:modelway"
WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})


class AuditMark:
    """A place in the log; ``since()`` yields what was completed after it."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self.inode = log.stat().st_ino
        self.offset = log.stat().st_size

    def since(self) -> Iterator[dict[str, Any]]:
        """Audit events of completed requests, oldest first."""
        if self.log.stat().st_ino != self.inode:
            raise RuntimeError(f"{self.log} was rotated in between; mark a shorter stretch")
        with self.log.open("rb") as stream:
            stream.seek(self.offset)
            for line in stream:
                if not line.endswith(b"\n"):
                    return  # still being written
                event = json.loads(line)
                if event["stage"] == "ResponseComplete":
                    yield event

    def requests(self, user: str = OPERATOR, namespace: str = "") -> Counter[str]:
        """``"patch deployments/scale"`` → how often that user asked for it, in that namespace or in all."""
        counted: Counter[str] = Counter()
        for event in self.since():
            within = not namespace or event.get("objectRef", {}).get("namespace") == namespace
            if within and event["user"]["username"].startswith(user):
                counted[request_name(event)] += 1
        return counted

    def writes(self, user: str = OPERATOR, namespace: str = "") -> Counter[str]:
        """As ``requests``, writes only, without the leader's leases."""
        return Counter(
            {
                name: count
                for name, count in self.requests(user, namespace).items()
                if name.split()[0] in WRITES and not name.endswith(" leases")
            }
        )


def request_name(event: dict[str, Any]) -> str:
    """Verb and resource, with the subresource if there is one."""
    reference = event.get("objectRef", {})
    parts = [reference.get("resource", event.get("requestURI", "?")), reference.get("subresource")]
    return f"{event['verb']} {'/'.join(part for part in parts if part)}"
