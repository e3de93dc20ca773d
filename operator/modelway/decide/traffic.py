"""Who answers which requests: the traffic document that stable pods read, and whether they have.

The shape of the document is in ARCHITECTURE.md. Its generation rises whenever its content does, and a weight counts as
confirmed when every ready stable pod reports that generation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from modelway.manifests import names
from modelway.manifests.timestamps import parsed, precise
from modelway.world import Pod, Revision, Touch

from .disturbance import counted_pods, epoch
from .situation import Situation
from .steps import FULL, fingerprint

# Longer than a kubelet takes to refresh a mount by itself; a stable pod that can't be asked holds nothing for longer.
PATIENCE: Final = timedelta(seconds=150)

TOUCH_AGAIN: Final = 5.0

_SHARED: Final = ("stable", "candidate", "weight", "gateway", "epoch", "headers", "sticky", "shadow")


@dataclass(frozen=True, slots=True)
class Routing:
    """How two revisions share the requests."""

    stable: Revision
    candidate: Revision
    weight: int
    shadow: dict[str, Any] | None


def routing(situation: Situation) -> Routing | None:
    """What the candidate gets now: never more than its ready pods can hold. None: stable answers alone."""
    stable, candidate, position = situation.stable, situation.candidate, situation.position
    if stable is None or candidate is None or candidate.failure or position.began is None:
        return None
    if situation.spec.rollout.strategy != "Canary" or situation.spec.scaling.highest == 0:
        return None
    ready = situation.ready(candidate)
    shadow = position.shadow
    copied = shadow.model_dump(mode="json", by_alias=True, exclude={"duration"}) if shadow and ready else None
    return Routing(stable, candidate, _held_weight(situation, ready), copied)


def _held_weight(situation: Situation, ready: int) -> int:
    """Capacity before weight: what the step asks for, or until its pods are ready what it had, if they hold that."""
    asked, needed = situation.position.weight, max(1, situation.full)
    if ready >= situation.position.pods(needed):
        return asked
    before = told_weight(situation.document)
    return min(asked, FULL * ready // needed, before or 0)


def told_weight(document: Mapping[str, Any]) -> int | None:
    """The candidate's share in percent, whoever splits: the pods or, at a weight of theirs of 0, a gateway."""
    weight = document.get("gateway", document.get("weight")) if "stable" in document else None
    return weight if isinstance(weight, int) else None


def document(
    situation: Situation, shared: Routing | None, known: Mapping[str, str], *, handing_over: bool = False
) -> dict[str, Any]:
    """The traffic document. Digests of revisions that history has forgotten stay until something else changes: they
    cost no write of their own. ``at`` is when the shares changed last; ``handing_over``: gateways split, and shall not
    any more."""
    before = situation.document
    wanted = {record.hash: record.digest for record in situation.records.values() if record.digest} | dict(known)
    if shared and handing_over:
        shared = replace(shared, weight=0)
    content = _content(situation, shared, handing_over) if shared else {}
    pods = {"pods": counted_pods(situation)} if shared else {}
    generation, digests = before.get("generation"), before.get("digests")
    if not isinstance(generation, int) or not isinstance(digests, dict):
        lost = {"at": precise(situation.now)} if situation.world.pods else {}  # pods may go by a deleted document
        at = _at(situation, content, {}) or lost
        return {"generation": _first(situation), "digests": wanted, **at, **content, **pods}
    same = {key: before[key] for key in _SHARED if key in before} == content
    if same and wanted.items() <= digests.items():
        return before if not pods or before.get("pods") == pods["pods"] else {**before, **pods}
    return {"generation": generation + 1, "digests": wanted, **_at(situation, content, before), **content, **pods}


def _first(situation: Situation) -> int:
    """The generation of a document that is written anew. If somebody deleted the former one, pods have read it, and
    must not seem to have read this one: the time in seconds is more than any count that began with 1."""
    return int(situation.now.timestamp()) if situation.world.pods else 1


def _at(situation: Situation, content: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """When the shares changed last, and at which step: a status that could not be written is no loss then."""
    if {key: before[key] for key in _SHARED if key in before} == content:
        return {key: before[key] for key in ("at", "step", "plan") if key in before}
    at = {"at": precise(situation.now)}
    if not content:
        return at
    return {**at, "step": situation.position.index + 1, "plan": fingerprint(situation.position.steps)}


def _content(situation: Situation, shared: Routing, handing_over: bool = False) -> dict[str, Any]:
    candidate, traffic = shared.candidate, situation.spec.traffic
    host = f"{names.revision(candidate.deployment, candidate.hash)}.{situation.resource.namespace}.svc"
    address = {"revision": candidate.hash, "http": f"http://{host}:{names.SERVICE_PORT}"}
    if candidate.serving.grpc:
        address["grpc"] = f"{host}:{names.GRPC_PORT}"
    steps = fingerprint(situation.position.steps)
    content: dict[str, Any] = {"stable": shared.stable.hash, "candidate": address}
    by_gateway = bool(traffic.gateway) or handing_over
    if by_gateway:  # pods forward nothing then, so that the candidate's own counts are all that it answered
        content |= {"weight": 0, "gateway": shared.weight, "epoch": epoch(situation, f"{steps}-gateway")}
    else:
        content |= {"weight": shared.weight, "epoch": epoch(situation, steps)}
    if traffic.headers and not by_gateway:
        content["headers"] = [{"name": match.name, "value": match.value} for match in traffic.headers]
    if traffic.sticky:
        content["sticky"] = {"header": traffic.sticky.header}
    if shared.shadow:
        content["shadow"] = shared.shadow
    return content


def unconfirmed(situation: Situation, wanted: Mapping[str, Any]) -> tuple[Pod, ...]:
    """Ready pods that users reach and that have not reported the document's generation. They are the stable revision's
    or, if none was promoted yet, those of the one that the front Service names."""
    pods = (pod for pod in situation.pods(situation.front) if pod.ready)
    return tuple(pod for pod in pods if not _reported(situation, pod, wanted))


def _reported(situation: Situation, pod: Pod, wanted: Mapping[str, Any]) -> bool:
    report = situation.world.measured.reports.get(pod.uid)
    return report is not None and report.generation >= int(wanted.get("generation") or 0)


def settled(situation: Situation) -> bool:
    """Whether the shares that the candidate's step asks for are those by which requests are answered."""
    shared = routing(situation)
    before = situation.document
    if shared is None:  # of a strategy that shares nothing
        return "stable" not in before
    live = {key: before[key] for key in _SHARED if key in before}
    as_asked = shared.weight == situation.position.weight
    return as_asked and live == _content(situation, shared) and not unconfirmed(situation, before)


def confirmed(situation: Situation, wanted: Mapping[str, Any]) -> bool:
    """Whether the shares that this document tells of are those by which requests are answered."""
    written = situation.document.get("generation") == wanted.get("generation")  # what we alone read is none of pods'
    return written and not unconfirmed(situation, wanted)


def draining(situation: Situation, wanted: Mapping[str, Any]) -> bool:
    """Whether pods may still send requests to a revision that the document no longer names; without a pod that users
    reach nobody does."""
    reached = any(pod.ready for pod in situation.pods(situation.front))
    return reached and recent(situation, wanted) and not confirmed(situation, wanted)


def recent(situation: Situation, wanted: Mapping[str, Any]) -> bool:
    """Whether the shares changed so lately that a pod may not have read so."""
    at = parsed(wanted.get("at"))
    return at is not None and situation.now < at + PATIENCE


def served_before(situation: Situation, serving: int) -> frozenset[str]:
    """Revisions that served long ago: nobody sends them a share any more. One that is asked for again has got a higher
    number than that which serves; one that was promoted lately had a share of which a pod may still read."""
    since = situation.now - PATIENCE
    old = (r for r in situation.records.values() if r.promoted_at and r.promoted_at <= since and r.number <= serving)
    return frozenset(record.hash for record in old)


def _reads_late(situation: Situation, pod: Pod, wanted: Mapping[str, Any], at: datetime) -> bool:
    """Whether a pod reads a former document. One that became ready later, and was not asked yet, probably does not."""
    if not pod.ready or _reported(situation, pod, wanted):
        return False
    was_there = pod.ready_since is not None and pod.ready_since <= at
    return was_there or pod.uid in situation.world.measured.reports


def touches(situation: Situation, wanted: Mapping[str, Any]) -> Iterator[Touch]:
    """Pods that are to read the document at once: those of the revisions that share requests, or did until now. After
    ``PATIENCE`` a kubelet has looked by itself; a pod that can't be asked then is not touched for ever."""
    at = parsed(wanted.get("at"))
    if at is None or not recent(situation, wanted):
        return
    # Each few seconds another value, for a kubelet may have looked before the new document had reached it.
    again = max(0, int((situation.now - at).total_seconds() // TOUCH_AGAIN))
    generation = f"{wanted['generation']}.{again}" if again else str(wanted["generation"])
    for revision in (situation.stable, situation.candidate):
        for pod in situation.pods(revision.hash) if revision else ():
            if pod.touched != generation and _reads_late(situation, pod, wanted, at):
                yield Touch(pod.name, pod.uid, generation, f"it shall read generation {wanted['generation']} at once")
