"""What was seen of one ModelDeployment: documents as the API server sends them, and small questions about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from modelway.manifests import names

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Seen:
    """The ModelDeployment, its children by kind, its pods, and the events about it. ``unavailable``: the kinds of
    route that can't be read, and why."""

    resource: Document
    children: Mapping[str, tuple[Document, ...]] = field(default_factory=dict)
    events: tuple[Document, ...] = ()
    unavailable: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return str(self.resource["metadata"]["name"])

    @property
    def namespace(self) -> str:
        return str(self.resource["metadata"]["namespace"])

    @property
    def spec(self) -> Document:
        return self.resource.get("spec") or {}

    @property
    def status(self) -> Document:
        status = self.resource.get("status") or {}
        return status if status.get("phase") else {}  # the CRD's default only says that nobody has looked yet

    @property
    def rollout(self) -> Document:
        """``status.rollout``."""
        return self.status.get("rollout") or {}

    @property
    def target(self) -> str:
        """The hash of the revision that the spec asked for when the operator looked last; "" before its first look."""
        return str(self.rollout.get("target", "")).removeprefix(f"{self.name}-")

    @property
    def current(self) -> bool:
        """Whether the status speaks of the spec as it is now."""
        return bool(self.status.get("observedGeneration") == self.resource["metadata"].get("generation"))

    @property
    def rollback(self) -> int:
        """``spec.rollback.toRevision``; 0 without one."""
        return int((self.spec.get("rollback") or {}).get("toRevision") or 0)

    @property
    def gateway(self) -> bool:
        """Whether routes of the Gateway API split the requests."""
        return bool((self.spec.get("traffic") or {}).get("gateway"))

    def condition(self, kind: str) -> Document:
        """The condition of that type; empty if there is none."""
        found = (each for each in self.status.get("conditions") or () if each.get("type") == kind)
        return next(found, {})

    def of(self, kind: str) -> tuple[Document, ...]:
        """The children of a kind."""
        return self.children.get(kind, ())

    def revisions(self) -> tuple[Document, ...]:
        """The ControllerRevisions, the newest first."""
        return tuple(sorted(self.of("ControllerRevision"), key=lambda each: int(each.get("revision", 0)), reverse=True))

    def pods(self, revision: str) -> tuple[Document, ...]:
        """A revision's pods by name."""
        mine = (pod for pod in self.of("Pod") if hash_of(pod) == revision)
        return tuple(sorted(mine, key=lambda pod: str(pod["metadata"]["name"])))


def hash_of(document: Document) -> str:
    """The hash of the revision that a child belongs to."""
    return str((document["metadata"].get("labels") or {}).get(names.REVISION, ""))


def numbers_before(revision: Document) -> tuple[int, ...]:
    """The numbers that a revision had before it was returned to, the latest last."""
    return tuple(int(each) for each in marks(revision).get(names.FORMER, "").split(",") if each.isdecimal())


def marks(document: Document) -> Mapping[str, str]:
    """A child's annotations."""
    return document["metadata"].get("annotations") or {}
