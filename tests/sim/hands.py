"""What else may happen to a cluster: nodes that are lost, pods that hang, and hands that change what is not theirs."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any

from modelway.manifests import names
from tests.sim.deeds import front
from tests.sim.world import NAMESPACE, World

Tell = Callable[[str], None]
Deed = Callable[[World, Random, Tell], None]
NOBODY = "0" * 10  # no revision's hash


def lose_node(world: World, chance: Random, tell: Tell) -> None:
    """A node is gone without a word: some pods are not ready any more, and deleted later by others."""
    lost = [pod for pod in world.api.all("Pod") if chance.random() < 0.5]
    if lost:
        tell(f"a node is lost with {', '.join(pod['metadata']['name'] for pod in lost)}")
    for pod in lost:
        world.cluster.lose(pod)


def hang(world: World, chance: Random, tell: Tell) -> None:
    """A pod of any revision is ready and yet can't be asked, and its kubelet refreshes no mount when told to."""
    if pods := world.api.all("Pod"):
        meta = chance.choice(pods)["metadata"]
        tell(f"pod {meta['name']} hangs")
        world.pods.mute.add(meta["uid"])
        world.pods.slow.add(meta["uid"])


def scribble(world: World, chance: Random, tell: Tell) -> None:
    """Somebody edits a child of ours by hand."""
    found = [name for name in sorted(world.api.objects) if name[0] in SCRIBBLES]
    if found:
        kind, namespace, name = chance.choice(found)
        tell(f"somebody edits {kind} {name}")
        edit = SCRIBBLES[kind]
        world.api.update(kind, namespace, name, "kubectl", lambda obj: edit(obj, chance))


def _scale(deployment: dict[str, Any], chance: Random) -> None:
    deployment["spec"]["replicas"] = chance.choice((1, 2, 5))


def _point_elsewhere(service: dict[str, Any], chance: Random) -> None:
    service["spec"]["selector"] = service["spec"]["selector"] | {names.REVISION: NOBODY}


def _garble(document: dict[str, Any], chance: Random) -> None:
    text = document["data"]["traffic.json"]
    document["data"]["traffic.json"] = chance.choice(("no JSON", "{}", json.dumps({"generation": 1}), text + " "))


def _tighten(budget: dict[str, Any], chance: Random) -> None:
    budget["spec"]["maxUnavailable"] = 0


def _bound(scaler: dict[str, Any], chance: Random) -> None:
    scaler["spec"]["minReplicas"] = 1


SCRIBBLES: dict[str, Callable[[dict[str, Any], Random], None]] = {
    "Deployment": _scale,
    "Service": _point_elsewhere,
    "ConfigMap": _garble,
    "PodDisruptionBudget": _tighten,
    "HorizontalPodAutoscaler": _bound,
}


def forget(world: World, chance: Random, tell: Tell) -> None:
    """Somebody deletes a revision from the history."""
    if records := world.api.all("ControllerRevision"):
        name = chance.choice(records)["metadata"]["name"]
        tell(f"somebody deletes ControllerRevision {name}")
        world.api.delete("ControllerRevision", NAMESPACE, name)
        world.advance(world.seconds + 5)


def uproot(world: World, chance: Random, tell: Tell) -> None:
    """Somebody deletes the Deployment of a revision that users do not reach: most often the candidate's."""
    beside = [d for d in world.api.all("Deployment") if d["metadata"]["labels"][names.REVISION] != front(world)]
    if beside:
        name = chance.choice(beside)["metadata"]["name"]
        tell(f"somebody deletes Deployment {name}")
        world.api.delete("Deployment", NAMESPACE, name)
        world.advance(world.seconds + 5)


def doubt(world: World, chance: Random, tell: Tell) -> None:
    """The golden requests fail on the stable revision, too; or do not any more."""
    world.pods.doubtful = not world.pods.doubtful
    tell(f"the golden requests {'fail on the stable revision, too' if world.pods.doubtful else 'are right again'}")


DEEDS: dict[Deed, int] = {lose_node: 1, hang: 1, scribble: 2, forget: 1, uproot: 2, doubt: 1}
