"""How a revision is called in a sentence."""

from __future__ import annotations

from modelway.manifests import names
from modelway.world import Revision


def named(revision: Revision) -> str:
    """A revision in a sentence: its number and name."""
    return f"{revision.number} ({names.revision(revision.deployment, revision.hash)})"
