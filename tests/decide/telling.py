"""Plans in short, as the tests write them down."""

from __future__ import annotations

import re
from collections.abc import Iterable

from modelway.world import Apply, Seed, Touch, Write


def kinds(writes: Iterable[Write]) -> list[str]:
    """What a plan writes, in short: ``+Service/digits ~Deployment/digits-… -Pod/…``."""
    told = []
    for write in writes:
        if isinstance(write, Apply):
            told.append(f"{'+' if write.create else '~'}{write.manifest['kind']}/{write.manifest['metadata']['name']}")
        elif isinstance(write, Seed):
            told.append(f"#{write.deployment}={write.replicas}")
        elif isinstance(write, Touch):
            told.append(f"!Pod/{write.pod}")
        else:
            told.append(f"-{write.kind}/{write.name}")
    return told


def short(told: list[str]) -> list[str]:
    """Hashes as letters, in the order in which they appear."""
    seen: dict[str, str] = {}
    return [
        re.sub(r"(?<=digits-)[0-9a-f]{10}", lambda m: seen.setdefault(m[0], "abcdef"[len(seen)]), line) for line in told
    ]
