"""The children that shall exist, in the order in which they are written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from modelway.api.serving import Serving
from modelway.manifests import names
from modelway.manifests.config_map import traffic_config_map
from modelway.manifests.controller_revision import controller_revision
from modelway.manifests.deployment import deployment
from modelway.manifests.horizontal_pod_autoscaler import horizontal_pod_autoscaler
from modelway.manifests.pod_disruption_budget import pod_disruption_budget
from modelway.manifests.service import front_service, preview_service, revision_service
from modelway.world import Failure, Kind, Manifest, Revision, Seed

from . import gateway
from .handover import handing_over
from .revision import RENDER_VERSION
from .rollout import UP, Stage
from .scaling import lowest, replicas_to_send, seed
from .situation import Situation
from .traffic import Routing, document, routing, told_weight


@dataclass(frozen=True, slots=True)
class Wanted:
    """A child that shall exist. ``as_it_lives``: its template is older than this operator and stays as it is."""

    kind: Kind
    name: str
    manifest: Manifest
    why: str
    as_it_lives: bool = False


@dataclass(frozen=True, slots=True)
class Aim:
    """What one decision makes of the revisions: which serves, which are up, and what is remembered of them."""

    stable: Revision | None
    candidate: Revision | None
    front: str  # the hash that the front Service shall name
    up: tuple[Revision, ...]  # revisions whose children shall exist and can be rendered
    kept: frozenset[str]  # hashes of revisions whose children must not go
    remembered: tuple[Revision, ...]  # revisions whose ControllerRevisions shall exist
    document: dict[str, Any]  # the traffic document


def aim(situation: Situation, stage: Stage, failure: Failure | None) -> Aim:
    """One step forward."""
    stable, candidate, front = situation.stable, situation.candidate, situation.front
    if stage is Stage.PROMOTING and candidate:
        held = stable if stable and situation.readable else None
        promoted = replace(candidate, promoted_at=situation.now)
        up = (promoted, held) if held else (promoted,)
        kept = frozenset({candidate.hash, stable.hash} if stable else {candidate.hash})
        return Aim(promoted, None, candidate.hash, up, kept, up, _document(situation, up, shared=False))
    enough = stable and situation.ready(stable) >= max(1, situation.spec.scaling.lowest)
    if stable and enough and not stable.promoted_at and situation.readable:  # else nothing could remember it
        stable = replace(stable, promoted_at=situation.now)
    rendered = (stable,) if stable and situation.readable else ()
    started = stage is Stage.PAUSED and situation.child(Kind.DEPLOYMENT, situation.target) is not None
    coming = (candidate,) if candidate and (stage in UP or started) else ()
    marked = _marked(situation, candidate, failure if stage is Stage.GIVING_UP else None) if not coming else ()
    kept = frozenset(revision.hash for revision in (*([stable] if stable else []), *coming))
    shown = marked[0] if marked else candidate
    remembered = (*rendered, *coming, *marked)
    shared = bool(coming) and not marked and stage is not Stage.GIVING_UP
    return Aim(
        stable, shown, front, (*rendered, *coming), kept, remembered, _document(situation, remembered, shared=shared)
    )


def _marked(situation: Situation, candidate: Revision | None, failure: Failure | None) -> tuple[Revision, ...]:
    """The candidate that has no children after this decision, if it leaves another mark: why it was given up or, where
    it is paused and asked for again, that a former failure is forgotten now and not when it resumes. Failure first: a
    candidate may be given up before its target was ever told, if no status could be written since."""
    if candidate and failure:
        return (replace(candidate, failure=failure),)
    asked_again = candidate and situation.newly_targeted and candidate.hash in situation.records
    return (candidate,) if candidate and asked_again and not candidate.failure else ()


def _document(situation: Situation, remembered: tuple[Revision, ...], *, shared: bool) -> dict[str, Any]:
    known = {revision.hash: revision.digest for revision in remembered if revision.digest}
    split = routing(situation) if shared else None
    return document(situation, split, known, handing_over=handing_over(situation))


def desired(situation: Situation, target: Aim) -> Iterator[Wanted | Seed]:
    """Every child that shall exist: what pods need comes before the pods, the front Service's switch after the mark
    that a revision is promoted, so that the mark is never missing."""
    resource = situation.resource
    for revision in target.remembered:
        name = names.revision(resource.name, revision.hash)
        yield Wanted(
            Kind.CONTROLLER_REVISION,
            name,
            controller_revision(resource, revision),
            f"revision {revision.number} is remembered",
        )
    yield _traffic(situation, target)
    yield Wanted(
        Kind.SERVICE,
        names.front_service(resource.name),
        front_service(resource, target.front, front_serving(situation, target).grpc),
        f"users reach revision {names.revision(resource.name, target.front)}",
    )
    if situation.spec.rollout.strategy == "BlueGreen" and target.up:
        coming = target.candidate.hash if target.candidate else target.front
        previewed = next((revision for revision in target.up if revision.hash == coming), target.up[-1])
        manifest = preview_service(resource, previewed)
        why = f"revision {previewed.number} can be looked at"
        yield Wanted(Kind.SERVICE, names.preview_service(resource.name), manifest, why)
    for revision in target.up:
        yield from _children(situation, target, revision)
    yield from routes(situation, target)


def routes(situation: Situation, target: Aim) -> Iterator[Wanted]:
    """The routes of the Gateway API. They come last: what they name is there then."""
    serving, after = front_serving(situation, target), afterwards(situation, target)
    for kind, manifest in gateway.routes(after, serving, shares(situation, target), target.document):
        yield Wanted(kind, manifest["metadata"]["name"], manifest, "gateways know who answers which requests")


def afterwards(situation: Situation, target: Aim) -> Situation:
    """The situation with the front that it has after this decision."""
    return situation if target.front == situation.front else replace(situation, front=target.front)


def shares(situation: Situation, target: Aim) -> Routing | None:
    """How two revisions share the requests after this decision."""
    return routing(situation) if "stable" in target.document else None


def _traffic(situation: Situation, target: Aim) -> Wanted:
    name = names.traffic_config_map(situation.resource.name)
    weight = told_weight(target.document)
    share = "the digests" if weight is None else f"{weight}% go to the candidate"
    manifest = traffic_config_map(situation.resource, target.document)
    return Wanted(Kind.CONFIG_MAP, name, manifest, f"pods learn: {share}")


def front_serving(situation: Situation, target: Aim) -> Serving:
    """How the revision that users reach is served."""
    stable = target.stable
    return stable.serving if stable and stable.hash == target.front else situation.target.serving


def _children(situation: Situation, target: Aim, revision: Revision) -> Iterator[Wanted | Seed]:
    """One revision's children. An autoscaler is told its bounds as seen after this decision: promotion lowers them."""
    resource, scaling = situation.resource, situation.spec.scaling
    name = names.revision(resource.name, revision.hash)
    yield Wanted(
        Kind.SERVICE, name, revision_service(resource, revision), f"revision {revision.number} can be called by itself"
    )
    handover = seed(situation, revision)
    live = situation.child(Kind.DEPLOYMENT, revision)
    if live and handover:
        yield handover
    yield _deployment(situation, revision, name)
    if not live and handover:
        yield handover
    if scaling.autoscaled:
        bound = lowest(situation, revision, target.stable, "stable" in target.document)
        manifest = horizontal_pod_autoscaler(resource, revision, scaling, bound)
        yield Wanted(Kind.HORIZONTAL_POD_AUTOSCALER, name, manifest, f"revision {revision.number} scales with its load")
    if scaling.highest > 1:
        manifest = pod_disruption_budget(resource, revision)
        yield Wanted(
            Kind.POD_DISRUPTION_BUDGET, name, manifest, f"node drains take revision {revision.number}'s pods one by one"
        )


def _deployment(situation: Situation, revision: Revision, name: str) -> Wanted:
    manifest = deployment(situation.resource, revision, replicas_to_send(situation, revision))
    live = situation.child(Kind.DEPLOYMENT, revision)
    older = live is not None and revision.snapshot.get("render") != RENDER_VERSION
    if live and older:
        spec = live.body.get("spec") or {}
        manifest["spec"] |= {"template": spec.get("template"), "selector": spec.get("selector")}
    return Wanted(Kind.DEPLOYMENT, name, manifest, f"revision {revision.number} has its pods", as_it_lives=older)
