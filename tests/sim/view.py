"""A decision, read from outside: what the operator saw, what it wants, and what the cluster holds in truth."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Any

import orjson

from modelway.api.resource import InvalidSpec, Spec, parse_spec
from modelway.decide.revision import revision_hash, snapshot
from modelway.manifests import names
from modelway.world import Apply, Child, Kind, Plan
from modelway.world import World as Seen
from tests.sim.operator import IMAGE


@lru_cache(1024)
def _parsed(spec: bytes) -> tuple[Spec, str] | None:
    try:
        found = parse_spec(orjson.loads(spec))
    except InvalidSpec:
        return None
    return found, revision_hash(snapshot(found, IMAGE))


def asked_for(spec: Mapping[str, Any]) -> tuple[Spec, str] | None:
    """A spec and the hash of the revision that it asks for; None if it can't be read."""
    return _parsed(orjson.dumps(spec))


@dataclass
class View:
    """One decision."""

    seen: Seen
    plan: Plan
    now: datetime

    @cached_property
    def name(self) -> str:
        return self.seen.resource.name

    @cached_property
    def spec(self) -> Spec:
        """What the user wants."""
        found = asked_for(self.seen.resource.spec)
        assert found
        return found[0]

    @cached_property
    def target(self) -> str:
        """The hash of the revision that the spec asks for: its model's, or that of the number to which it goes back; of
        one that the history does not have, what serves."""
        found = asked_for(self.seen.resource.spec)
        if found is None or found[0].rollback is None:
            return found[1] if found else ""
        number = found[0].rollback.to_revision
        records = [c for c in self.seen.children if c.kind is Kind.CONTROLLER_REVISION and not c.deleting]
        now = [r for r in records if r.body["revision"] == number]
        before = [r for r in records if str(number) in r.annotations.get(names.FORMER, "").split(",")]
        serving = [r for r in records if names.PROMOTED_AT in r.annotations and _hash(r) == self.front]
        return next((_hash(record) for record in (*now, *before, *serving)), found[1])

    @cached_property
    def children(self) -> dict[tuple[Kind, str], Child]:
        return {(child.kind, child.name): child for child in self.seen.children}

    @cached_property
    def front(self) -> str:
        """The revision that the front Service names, as the operator saw it."""
        live = self.children.get((Kind.SERVICE, self.name))
        return _selected(live.body) if live else ""

    @cached_property
    def front_after(self) -> str:
        """The same after the plan."""
        return next((_selected(w.manifest) for w in self.applies(Kind.SERVICE) if _named(w) == self.name), self.front)

    @cached_property
    def document(self) -> dict[str, Any]:
        """The traffic document as the operator saw it."""
        live = self.children.get((Kind.CONFIG_MAP, names.traffic_config_map(self.name)))
        return _document(live.body) if live else {}

    @cached_property
    def document_after(self) -> dict[str, Any]:
        """The same after the plan."""
        return next((_document(write.manifest) for write in self.applies(Kind.CONFIG_MAP)), self.document)

    @cached_property
    def status(self) -> Mapping[str, Any]:
        """The status after the plan."""
        return self.plan.status if self.plan.status is not None else self.seen.resource.status

    @property
    def rollout(self) -> dict[str, Any]:
        """``status.rollout`` before the plan."""
        return dict(self.seen.resource.status.get("rollout") or {})

    @property
    def rollout_after(self) -> dict[str, Any]:
        """``status.rollout`` after it."""
        return dict(self.status.get("rollout") or {})

    @property
    def step_before(self) -> int:
        """The step in which the candidate is, counted from 1. The document tells of it where a status got lost."""
        told = self.document if (self.document.get("candidate") or {}).get("revision") == self.target else {}
        plan = self.rollout.get("plan") or told.get("plan")
        done = int(told.get("step") or 0) if told.get("plan") == plan else 0
        return max(int(self.rollout.get("step") or 0), done)

    def step_left(self) -> int:
        """The number of the step that this decision ends by itself; 0 if it ends none."""
        before, after = self.rollout, self.rollout_after
        same = before.get("target") == after.get("target") and before.get("plan") == after.get("plan")
        left, steps = self.step_before, len(self.spec.rollout.effective_steps)
        ends = same and not self.obeyed and 0 < left <= steps and left < int(after.get("step") or 0)
        return left if ends else 0

    @property
    def obeyed(self) -> dict[str, Any]:
        """What became of the annotation, if this decision read it."""
        after = self.rollout_after.get("lastAction") or {}
        return {} if after == (self.rollout.get("lastAction") or {}) else dict(after)

    def applies(self, kind: Kind) -> Iterator[Apply]:
        """What the plan applies of a kind."""
        return (w for w in self.plan.writes if isinstance(w, Apply) and w.manifest["kind"] == kind)

    def child(self, kind: Kind, revision: str) -> Child | None:
        """A revision's child, as the operator saw it."""
        return self.children.get((kind, names.revision(self.name, revision)))

    def marked(self, revision: str, mark: str) -> str:
        """A mark that is remembered of a revision."""
        record = self.child(Kind.CONTROLLER_REVISION, revision)
        return record.annotations.get(mark, "") if record else ""

    def ready(self, revision: str) -> int:
        """Ready pods as the operator saw them: in person, or by the Deployment's report."""
        pods = sum(pod.ready and not pod.deleting and pod.revision == revision for pod in self.seen.pods)
        deployment = self.child(Kind.DEPLOYMENT, revision)
        return max(pods, int(deployment.status.get("readyReplicas") or 0) if deployment else 0)

    @property
    def full(self) -> int:
        """Pods that hold all of the traffic."""
        scaling, serving = self.spec.scaling, self.child(Kind.DEPLOYMENT, self.front)
        if not scaling.autoscaled:
            return scaling.replicas
        asked = int(serving.body["spec"].get("replicas") or 1) if serving else 0
        return min(max(scaling.lowest, asked), scaling.highest)


def _hash(record: Child) -> str:
    return record.labels[names.REVISION]


def _named(write: Apply) -> str:
    return str(write.manifest["metadata"]["name"])


def _selected(body: Mapping[str, Any]) -> str:
    return str(((body.get("spec") or {}).get("selector") or {}).get(names.REVISION, ""))


def _document(body: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return dict(json.loads((body.get("data") or {}).get("traffic.json", "")))
    except ValueError:
        return {}
