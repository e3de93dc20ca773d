"""Other installations of Modelway beside this one: which of them looks after a namespace. Pure.

Installing the chart twice is a mistake that people make, and two operators with different server images would undo
each other's revisions for ever. Each is known by its Deployment, which all of them can see where they may look.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

SELECTOR: Final = "app.kubernetes.io/part-of=modelway,app.kubernetes.io/component=operator"  # the chart's labels
NEVER: Final = "9999-12-31T23:59:59Z"


@dataclass(frozen=True, slots=True)
class Installation:
    """An operator's Deployment. ``name`` is its Lease's; no ``namespaces`` means all of the cluster's.

    ``created``, in RFC 3339, is the Deployment's, which upgrades keep; ours is ``NEVER`` where we can't see it.
    """

    namespace: str
    name: str
    created: str = NEVER
    namespaces: frozenset[str] = field(default_factory=frozenset)

    def covers(self, namespace: str) -> bool:
        """Whether it was told to look after that namespace."""
        return not self.namespaces or namespace in self.namespaces

    @property
    def precedence(self) -> tuple[bool, str, str, str]:
        """The least goes first: who was given this very namespace before who has all, then the elder."""
        return (not self.namespaces, self.created, self.namespace, self.name)

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


def read(deployment: Mapping[str, Any]) -> Installation | None:
    """The installation that a Deployment is; None if it is on its way out, scaled to nothing, or not the chart's."""
    meta, spec = deployment["metadata"], deployment.get("spec") or {}
    if meta.get("deletionTimestamp") or not spec.get("replicas", 1):
        return None
    containers = ((spec.get("template") or {}).get("spec") or {}).get("containers") or ()
    variables = [each for container in containers for each in container.get("env") or ()]
    environment = {each["name"]: str(each.get("value", "")) for each in variables}
    if "MODELWAY_RUNTIME_IMAGE" not in environment:
        return None
    return Installation(
        meta["namespace"],
        environment.get("MODELWAY_LEASE_NAME") or meta["name"],
        meta["creationTimestamp"],
        frozenset(filter(None, (part.strip() for part in environment.get("MODELWAY_NAMESPACES", "").split(",")))),
    )


def looks_after(namespace: str, me: Installation, found: Iterable[Installation]) -> Installation:
    """Which installation looks after a namespace that is ours, too: ourselves, or the one to leave it to."""
    known = {(each.namespace, each.name): each for each in found}
    known.setdefault((me.namespace, me.name), me)
    return min((each for each in known.values() if each.covers(namespace)), key=lambda each: each.precedence)
