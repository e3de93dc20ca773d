"""The design's invariants as rules about what the operator does to the cluster: each is told of every write."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Protocol

from modelway.cluster.observe import observe
from modelway.manifests import names
from modelway.world import Resource
from modelway.world import World as Seen
from tests.sim.api import Written
from tests.sim.operator import IMAGE, Operator
from tests.sim.view import View
from tests.sim.world import NAMESPACE, World

SETTLE = 5.0  # seconds after which every kube-proxy has learnt of a switch
FREE = ("apiVersion", "kind", "metadata", "status")


class Rule(Protocol):
    """Objects to a write with a sentence, or is silent."""

    def __call__(self, world: World, view: View, written: Written) -> str: ...


def ready_pods(world: World, revision: str) -> list[dict[str, Any]]:
    """A revision's ready pods."""
    return [
        pod
        for pod in world.api.all("Pod")
        if pod["metadata"]["labels"].get(names.REVISION) == revision
        and any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions") or ())
    ]


def front(world: World, name: str = "digits") -> str:
    """The revision that users reach."""
    service = world.api.get("Service", NAMESPACE, name)
    return str(service["spec"]["selector"].get(names.REVISION, "")) if service else ""


def callers(world: World, view: View, revision: str) -> list[tuple[str, dict[str, Any]]]:
    """Ready stable pods, known as such to the operator, that send requests or copies to a revision. Not those on their
    way out: they go together, and answer by themselves what the other one does not."""
    known = {pod.uid for pod in view.seen.pods if pod.ready and not pod.deleting}
    found = []
    for pod in ready_pods(world, front(world)):
        document = world.pods.read.get(pod["metadata"]["uid"], {})
        called = (document.get("candidate") or {}).get("revision") == revision
        if pod["metadata"]["uid"] in known and called and document["stable"] == front(world):
            found.append((pod["metadata"]["name"], document))
    return found


class NobodyCallsWhatGoes:
    """3. After an abort stable has 100%, in every pod that splits, before the candidate shrinks or goes."""

    def __call__(self, world: World, view: View, written: Written) -> str:
        revision = written.name.rpartition("-")[2]
        if written.kind not in ("Deployment", "Service") or written.method != "DELETE":
            return ""
        calling = callers(world, view, revision)
        return f"{revision} goes while {calling[0][0]} sends it {calling[0][1]['weight']}%" if calling else ""


class Settle:
    """1. The old one goes only when the switch away from it has reached everybody."""

    def __init__(self) -> None:
        self.left: dict[str, float] = {}  # revision → when the front Service left it
        self.front = ""

    def __call__(self, world: World, view: View, written: Written) -> str:
        if written.kind == "Service" and written.name == view.name and written.method == "PATCH":
            after = written.body["spec"]["selector"][names.REVISION]
            if self.front and after != self.front:
                self.left[self.front] = world.seconds
            self.front = after
        if written.kind != "Deployment" or written.method != "DELETE":
            return ""
        revision = written.name.rpartition("-")[2]
        if not view.marked(revision, names.PROMOTED_AT) and not view.ready(revision):
            return ""  # nobody was ever answered by it
        if revision == front(world):
            return f"{revision} is what users reach, and its pods are deleted"
        since = world.seconds - self.left.get(revision, -1e9)
        least = max(SETTLE, view.spec.rollout.scale_down_seconds)
        return f"{revision} goes {since:.1f} s after the switch away from it" if since < least - 0.01 else ""


class NoPodsAreTaken:
    """2. A write of ours never leaves who serves with fewer pods than the spec asks for."""

    def __init__(self) -> None:
        self.replicas: dict[str, int] = {}  # by uid

    def __call__(self, world: World, view: View, written: Written) -> str:
        if written.kind != "Deployment" or written.method == "DELETE":
            return ""
        live = world.api.get("Deployment", NAMESPACE, written.name)
        if live is None:
            return ""
        uid, after = live["metadata"]["uid"], live["spec"]["replicas"]
        before, self.replicas[uid] = self.replicas.get(uid), after
        mine = written.name == names.revision(view.name, front(world))
        if not mine or before is None or after >= min(before, view.spec.scaling.lowest):
            return ""
        return f"{written.name} serves and has {after} pods from now on, {before} before"


def weight_is_read(world: World, view: View) -> str:
    """10. A step with a share is over only when every ready stable pod has read that share."""
    left = view.step_left()
    asked = view.spec.rollout.effective_steps[left - 1].set_weight if left else None
    routed = view.spec.traffic.gateway is not None  # a gateway splits, and pods forward nothing
    weight = 0 if asked and routed else asked
    known = {pod.uid for pod in view.seen.pods if pod.ready and not pod.deleting}  # the others are on their way out
    for pod in ready_pods(world, front(world)) if weight is not None else ():
        document = world.pods.read.get(pod["metadata"]["uid"], {})
        if pod["metadata"]["uid"] in known and document.get("weight") != weight:
            return f"step {left} is over, but {pod['metadata']['name']} sends {document.get('weight')}%"
    return ""


class NothingOfOthers:
    """9. A field owned by an autoscaler, a user or another controller is never sent."""

    def __call__(self, world: World, view: View, written: Written) -> str:
        sent = written.body
        if written.kind == names.KIND:
            foreign = set(sent) - set(FREE) or set(sent["metadata"]) - {"name", "uid"}
            return f"{sorted(foreign)} of the user's object are sent" if foreign or not written.subresource else ""
        if written.kind != "Deployment" or written.method == "DELETE" or written.manager != names.FIELD_MANAGER:
            return ""
        ours = not view.spec.scaling.autoscaled
        return "" if ours or "replicas" not in sent["spec"] else f"replicas of {written.name} are an autoscaler's"


class Idempotent:
    """6. The plan for a world in which the plan was carried out is empty."""

    def __call__(self, world: World, operator: Operator) -> str:
        if world.latest is None or world.disturbed:
            return ""
        seen, plan, now = world.latest
        if not plan.writes and plan.status is None:
            return ""
        key = (seen.resource.namespace, seen.resource.name)
        again = observe(operator.store, key, IMAGE, seen.measured, (), seen.attended_since)
        if again is None or not _same_user(seen.resource, again.resource):
            return ""  # the answer to a write told us of something new, too
        if len({(child.kind, child.name) for child in again.children}) < len(again.children) or _anew(seen, again):
            return ""  # written anew by us, and that the former one was deleted is still on its way to us, or was then
        following = world.decide(_as_seen(seen, again), now)
        if following.writes:
            return f"decided again in the same moment, it writes: {[write.why for write in following.writes]}"
        if following.status is not None:
            return f"decided again in the same moment, it tells otherwise: {_changed(again.resource.status, following)}"
        return ""


def _anew(before: Seen, after: Seen) -> bool:
    uids = {(child.kind, child.name): child.uid for child in before.children}
    return any(uids.get((child.kind, child.name), child.uid) != child.uid for child in after.children)


def _same_user(before: Resource, after: Resource) -> bool:
    return (before.generation, before.annotations, before.uid) == (after.generation, after.annotations, after.uid)


def _as_seen(before: Seen, after: Seen) -> Seen:
    """The world after the writes, with nothing else that the answers to them told."""
    statuses = {child.uid: child.status for child in before.children}
    touched = {pod.uid: pod.touched for pod in after.pods}
    gone = {pod.uid for pod in before.pods} - touched.keys()
    return replace(
        after,
        children=tuple(replace(child, status=statuses.get(child.uid, {})) for child in after.children),
        pods=tuple(replace(pod, touched=touched[pod.uid]) for pod in before.pods if pod.uid not in gone),
    )


def _changed(before: Any, plan: Any) -> str:
    after = plan.status
    keys = [key for key in {*before, *after} if before.get(key) != after.get(key)]
    return json.dumps({key: [before.get(key), after.get(key)] for key in keys}, default=str)


def rules() -> tuple[Rule, ...]:
    """Fresh ones: some remember."""
    return (NobodyCallsWhatGoes(), Settle(), NoPodsAreTaken(), NothingOfOthers())
