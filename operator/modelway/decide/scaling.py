"""Whose the number of pods is: ours when it is fixed, the autoscaler's when it is not; never both."""

from __future__ import annotations

from modelway.manifests import names
from modelway.world import Child, Kind, Revision, Seed

from . import capacity
from .situation import Situation

_OURS = frozenset({names.FIELD_MANAGER})


def replicas_to_send(situation: Situation, revision: Revision) -> int | None:
    """``spec.replicas`` of a revision's Deployment; None when an autoscaler owns it."""
    return None if situation.spec.scaling.autoscaled else situation.needed(revision)


def lowest(situation: Situation, revision: Revision, stable: Revision | None, shared: bool) -> int:
    """The autoscaler's lower bound: a candidate must not be scaled below what it needs, and while two revisions share
    the requests the stable one must not shrink, for all of them may return to it at once."""
    if stable is None or stable.hash != revision.hash:
        return situation.needed(revision)
    return situation.full if shared else situation.spec.scaling.lowest


def seed(situation: Situation, revision: Revision) -> Seed | None:
    """Hands the number of pods over to the autoscaler, if nobody but us owns it yet."""
    if not situation.spec.scaling.autoscaled:
        return None
    live: Child | None = situation.child(Kind.DEPLOYMENT, revision)
    if live and (live.deleting or live.replicas_owners - _OURS):
        return None
    replicas = situation.needed(revision)
    if live and live.replicas_owners:  # the number was ours until now: the autoscaler starts from it
        replicas = max(replicas, capacity.needed(situation.spec.scaling, live))
    name = names.revision(situation.resource.name, revision.hash)
    return Seed(name, replicas, f"{name} starts with {_pods(replicas)}; from then on the autoscaler decides")


def _pods(number: int) -> str:
    return "1 pod" if number == 1 else f"{number} pods"
