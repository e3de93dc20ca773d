"""The design's invariants where gateways split the requests: what holds between the routes, what the gateways make of
them, and the pods. Rules about decisions, about writes, and one about every moment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modelway.api.steps import Step
from modelway.cluster.records import record_of, unpack_child
from modelway.decide.handover import ROUTES
from modelway.decide.steps import fingerprint
from modelway.manifests import names
from modelway.reconcile import Decide
from modelway.world import Apply, Delete, Kind
from tests.sim.api import Written
from tests.sim.deeds import front, ready_pods
from tests.sim.gateways import KINDS, SPREADS, Backends, Gateway, Name, backends
from tests.sim.view import View
from tests.sim.world import NAMESPACE, Violated, World


def no_more_than_the_step_asks(view: View, decide: Decide) -> Iterator[str]:
    """1. After a decision no route gives a candidate more than its step asks for, or anything to anybody else."""
    document = view.document_after
    told = document.get("gateway", 0) if "stable" in document else 0
    steps = view.spec.rollout.effective_steps
    if told and document.get("plan") == fingerprint(steps) and told > (most := _weight(steps, int(document["step"]))):
        yield f"the document tells of {told}%, but step {document['step']} asks for {most}%"
    candidate = names.revision(view.name, view.target)
    for kind, asked in _after(view):
        if strangers := asked.names - {view.name, candidate}:
            yield f"{kind} names {sorted(strangers)}"
        if asked.weights.get(candidate, 0) > told:
            yield f"{kind} gives {candidate} {asked.weights[candidate]}%, but {told}% are its share"
        if asked.pinned and "stable" not in document:
            yield f"{kind} sends pinned requests to {sorted(asked.pinned)}, which has no share"
        if candidate in asked.names and not view.ready(view.target):
            yield f"{kind} names {candidate}, which has no ready pod"


def routes_last(view: View, decide: Decide) -> Iterator[str]:
    """What a route names is there when it is written; and it is written only if it is another one than before."""
    written = False
    for write in view.plan.writes:
        route = isinstance(write, Apply) and write.manifest["kind"] in ROUTES
        if written and not route and isinstance(write, Apply):
            yield f"{write.manifest['kind']} is written after a route"
        written |= route
    for write in _routes(view):
        live = view.children.get((Kind(write.manifest["kind"]), view.name))
        if live and live.body.get("spec") == write.manifest["spec"] and live.annotations == _annotations(write):
            yield f"{write.manifest['kind']} is written as it is"
    gone = {write.name for write in view.plan.writes if isinstance(write, Delete) and write.kind == Kind.SERVICE}
    for write in _routes(view):
        if named := backends(write.manifest).names & gone:
            yield f"{write.manifest['kind']} names {sorted(named)}, which goes in the same plan"


def _after(view: View) -> Iterator[tuple[Kind, Backends]]:
    """The routes as they are when the plan is carried out."""
    gone = {write.uid for write in view.plan.writes if isinstance(write, Delete)}
    for kind in ROUTES:
        live = view.children.get((kind, view.name))
        if written := next(view.applies(kind), None):
            yield kind, backends(written.manifest)
        elif live and live.uid not in gone and not live.deleting and kind not in view.seen.unavailable:
            yield kind, backends(live.body)


def _annotations(write: Apply) -> Any:
    return write.manifest["metadata"].get("annotations", {})


def _routes(view: View) -> Iterator[Apply]:
    for kind in ROUTES:
        yield from view.applies(kind)


def _weight(steps: tuple[Step, ...], number: int) -> int:
    asked = [step.set_weight for step in steps[:number] if step.set_weight is not None]
    return asked[-1] if asked else 0


class Withdrawn:
    """The routes that the operator deleted, by uid. Who deletes one by hand says that nobody uses it."""

    def __init__(self) -> None:
        self.uids: set[str] = set()
        self.parents: dict[str, set[str]] = {}  # the gateways that a route named when it was written last, by its uid

    def note(self, world: World, written: Written) -> None:
        if written.kind not in KINDS:
            return
        if written.method == "DELETE":
            self.uids.add(written.body["preconditions"]["uid"])
        elif live := world.api.get(written.kind, NAMESPACE, written.name):
            self.parents[live["metadata"]["uid"]] = {ref["name"] for ref in live["spec"]["parentRefs"]}

    def answers_for(self, world: World, gateway: Gateway, name: Name) -> bool:
        """Whether it is the operator's business what a gateway does: it goes by a route that lives or that we deleted,
        and whoever removed it from the parents did so while it was there to hear of it."""
        uid, _ = gateway.proxies[name]
        live = world.gateways.routes().get(name)
        gone = live is None or live["metadata"]["uid"] != uid
        if gone and uid not in self.uids:
            return False
        parents = {ref["name"] for ref in live["spec"]["parentRefs"]} if live and not gone else self.parents.get(uid)
        return (
            parents is None
            or gateway.name in parents
            or (gateway.away_until <= world.seconds and gateway.lag <= SPREADS)
        )


class NobodyIsSentToWhatGoes:
    """3. A candidate's pods and Service stay until no gateway sends requests to them any more."""

    def __init__(self) -> None:
        self.withdrawn = Withdrawn()

    def __call__(self, world: World, view: View, written: Written) -> str:
        self.withdrawn.note(world, written)
        if written.method != "DELETE" or written.kind not in ("Deployment", "Service"):
            return ""
        for gateway in world.gateways.known.values():
            for name, (_, told) in gateway.proxies.items():
                if written.name in told.names and self.withdrawn.answers_for(world, gateway, name):
                    return f"{written.kind} {written.name} goes while gateway {gateway.name} sends it {told}"
        return ""


class WhatItNamesIsThere:
    """A route is written when the Services that it names exist, as far as the operator could know."""

    def __call__(self, world: World, view: View, written: Written) -> str:
        if written.kind not in KINDS or written.method == "DELETE":
            return ""
        seen = {name for kind, name in view.children if kind is Kind.SERVICE}
        named = sorted(backends(written.body).names - seen)
        missing = [each for each in named if not world.api.get("Service", NAMESPACE, each)]
        return f"{written.kind} names {missing}, and there is no such Service" if missing else ""


class SplitOnce:
    """1. A candidate gets its share from a gateway or from the stable pods: never a share of both, which together would
    be more than its step asks for and its pods hold."""

    def __init__(self, withdrawn: Withdrawn) -> None:
        self.withdrawn = withdrawn

    def __call__(self, world: World) -> None:
        sending = [
            (gateway, name, told)
            for gateway in world.gateways.known.values()
            for name, (_, told) in gateway.proxies.items()
            if told.names and self.withdrawn.answers_for(world, gateway, name)
        ]
        for pod in ready_pods(world, front(world)) if any(len(told.names) > 1 for _, _, told in sending) else ():
            uid, document = pod["metadata"]["uid"], world.pods.read.get(pod["metadata"]["uid"], {})
            if document.get("stable") != front(world) or not document.get("weight") or uid in world.pods.slow:
                continue
            candidate = names.revision(pod["metadata"]["labels"][names.DEPLOYMENT], document["candidate"]["revision"])
            for gateway, _, told in sending:
                if told.weights.get(candidate):
                    rest = f"{pod['metadata']['name']} {document['weight']}% of the rest"
                    raise Violated(f"SplitOnce: {gateway.name} sends {candidate} {told.weights[candidate]}%, {rest}")


def share_is_given(world: World, view: View) -> str:
    """10. A step with a share is over only when every gateway sends that share. One that says so a moment too early is
    believed, and one that refuses what it has accepted before is not known to."""
    left, asked = view.step_left(), view.spec.traffic.gateway
    weight = view.spec.rollout.effective_steps[left - 1].set_weight if left else None
    if asked is None or weight is None:
        return ""
    candidate, live = names.revision(view.name, view.target), world.gateways.routes()
    for kind in ROUTES:
        known, route = view.children.get((kind, view.name)), live.get((kind, NAMESPACE, view.name))
        if kind is Kind.GRPC_ROUTE and not (known and view.spec.serving.grpc and _has_grpc(view, view.front)):
            continue  # one of the two revisions has no gRPC
        if known and (route is None or _version(route) != (known.uid, known.generation)):
            return ""  # somebody deleted or edited it a moment ago, of which the operator can't know yet
        if known and route and known.status != unpack_child(record_of(route, kind)).status:
            return ""  # a gateway has said something else a moment ago
        for ref in asked.parent_refs:
            gateway = world.gateways.known.get(ref.name)
            seen = gateway.seen.get((kind, NAMESPACE, view.name)) if gateway else None
            if route is None or seen is None:
                return f"step {left} is over, but gateway {ref.name} knows of no route"
            if seen.backends.weights.get(candidate, 0) != weight:
                return f"step {left} is over, but gateway {ref.name} sends {dict(seen.backends.weights)}"
    return ""


def _has_grpc(view: View, revision: str) -> bool:
    record = view.child(Kind.CONTROLLER_REVISION, revision)
    return record is None or bool(record.body["data"]["serving"].get("grpc"))


def _version(route: Mapping[str, Any]) -> tuple[str, int]:
    return route["metadata"]["uid"], route["metadata"]["generation"]


DECISIONS = (no_more_than_the_step_asks, routes_last)
