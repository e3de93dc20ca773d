"""A generated story: one seed is one sequence of whatever users, pods, nodes, the API server and crashes may do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, ClassVar

from tests.sim import specs
from tests.sim.controllers import Fate
from tests.sim.hands import DEEDS
from tests.sim.invariants import front, ready_pods, watch
from tests.sim.openings import FATES, NAME, begun
from tests.sim.outcome import expect_a_good_end
from tests.sim.world import NAMESPACE, Violated, World

VERBS = ("promote", "promote", "promote-full", "pause", "resume", "abort", "retry", "nonsense")
CHILDREN = ("ConfigMap", "Service", "Deployment", "HorizontalPodAutoscaler", "PodDisruptionBudget")


@dataclass
class Story:
    """Runs one seed. ``lines`` is what happened, in words."""

    seed: int
    lines: list[str] = field(default_factory=list)
    serial: int = 0

    option: ClassVar[str] = ""  # of the command that plays it

    def __post_init__(self) -> None:
        self.chance = Random(f"story {self.seed}")
        self.world = World()
        self.verbs: list[str] = []  # that were given

    def tell(self, line: str) -> None:
        """Another line of the story."""
        self.lines.append(f"{self.world.seconds:8.1f} s  {line}")

    def spec(self) -> dict[str, Any]:
        """What a user asks for."""
        return specs.spec(self.chance)

    def prepare(self) -> None:
        """What else is so from the beginning."""

    def run(self, decide: Any = None) -> None:
        """Plays it; raises ``Violated``."""
        chance = self.chance
        spec = self.spec()
        settings = {
            "faults": chance.choice((0.0, 0.0, 0.05, 0.2)),
            "relists": chance.random() < 0.2,
            "tell": self.tell,
        }
        if decide:
            settings["decide"] = decide
        self.world, told = begun(spec, chance.random() < 0.75, settings)
        watch(self.world)
        self.prepare()
        self.world.chance = chance
        self.world.pods.hasty = chance.random() < 0.4
        self.tell(f"{told}: {specs.plain(self.world.resource()['spec'])}")
        if chance.random() < 0.5:  # an update is under way when the trouble begins
            uri = chance.choice((*specs.GOOD[1:], *(f"http://models/{name}.onnx" for name in specs.BAD[:3])))
            self.tell(f"the user asks for {uri}")
            self.world.model(uri)
            self._go_on(150, until_shared=True)
        for _ in range(chance.choice((1, 2, 3, 4, 6))):
            self._something()
            self._go_on(chance.choice((0, 1, 5, 20, 60, 120)), until_shared=chance.random() < 0.5)
        self._end()

    def _something(self) -> None:
        names = list(ACTIONS)
        action = self.chance.choices(names, [ACTIONS[name] for name in names])[0]
        action(self)

    def _go_on(self, steps: int, *, until_shared: bool) -> None:
        """Whatever can happen happens, so many times; time passes when nothing else does. Most of what can go wrong
        goes wrong while two revisions share the requests, so half of the time it goes on until they do."""
        for _ in range(max(steps, 150) if until_shared else steps):
            if until_shared and self._shared():
                return
            if not self.world.step() and not self.world.wait(self.world.seconds + 3600):
                return

    def _shared(self) -> bool:
        document = self.world.api.get("ConfigMap", NAMESPACE, f"{NAME}-traffic")
        return document is not None and '"stable"' in document["data"]["traffic.json"]

    def _end(self) -> None:
        """The trouble is over: it comes to rest, and where it rests is right."""
        world = self.world
        world.chance, world.relists, world.crash_after = None, False, None
        world.pods.slow.clear()
        world.pods.mute.clear()
        world.pods.doubtful = False
        self.tell("from here on nothing goes wrong any more")
        world.pods.attended = world.seconds
        world.settle(within=86_400)
        if world.pods.overdue:
            raise Violated(f"touched_again: {world.pods.overdue[0]} was not made to read a share within 100 s")
        self.tell(f"it rests: {_state(world)}")
        if world.rest(25_000):
            last = world.api.writes[-1]
            raise Violated(f"it writes at rest: {last.method} {last.kind} {last.name} {last.body}")
        expect_a_good_end(world)

    # What may happen.

    def new_spec(self) -> None:
        """The user applies another manifest."""
        wanted = self.spec()
        self.tell(f"the user applies {specs.plain(wanted)}")
        self.world.edit(lambda spec: (spec.clear(), spec.update(wanted)))

    def new_model(self) -> None:
        """Only the model changes: the usual update."""
        uri = specs.uri(self.chance)
        self.tell(f"the user asks for {uri}")
        self.world.model(uri)

    def former_model(self) -> None:
        """The user asks for what serves already: back to it."""
        records = {r["metadata"]["labels"]["modelway.io/revision"]: r for r in self.world.api.all("ControllerRevision")}
        if record := records.get(front(self.world)):
            self.tell("the user returns to what serves")
            self.world.model(record["data"]["model"]["uri"])

    def edit_rollout(self) -> None:
        """Another way to take over, maybe in the middle."""
        wanted = specs.rollout(self.chance)
        self.tell(f"the user changes the rollout: {wanted}")
        self.world.edit(lambda spec: spec.update(rollout=wanted))

    def edit_paused(self) -> None:
        """``spec.rollout.paused`` is turned."""
        paused = not self.world.resource()["spec"]["rollout"].get("paused", False)
        self.tell(f"the user sets paused to {paused}")
        self.world.edit(lambda spec: spec["rollout"].update(paused=paused))

    def edit_scaling(self) -> None:
        """More or fewer pods, or an autoscaler."""
        wanted = specs.scaling(self.chance)
        self.tell(f"the user scales: {wanted}")
        self.world.edit(lambda spec: spec.update(scaling=wanted))

    def verb(self) -> None:
        """A verb about what comes up; now and then about something else."""
        rollout = self.world.resource().get("status", {}).get("rollout") or {}
        target = str(rollout.get("target", "")).rpartition("-")[2] or "0123456789"
        about = target if self.chance.random() < 0.85 else self.chance.choice(("0123456789", front(self.world) or "x"))
        self.serial += 1
        action = f"{self.chance.choice(VERBS)}@{about}" + (f":{self.serial}" if self.chance.random() < 0.8 else "")
        self.tell(f"a person says {action}")
        self.verbs.append(action)
        self.world.annotate(action)

    def delete_child(self) -> None:
        """Somebody deletes a child by hand."""
        names = [name for name in self.world.api.objects if name[0] in CHILDREN]
        if names:
            name = self.chance.choice(sorted(names))
            self.tell(f"somebody deletes {name[0]} {name[2]}")
            self.world.api.delete(*name)
            self.world.advance(self.world.seconds + 5)

    def delete_document(self) -> None:
        """Somebody deletes the traffic document while two revisions share the requests, and wants something else."""
        if self._shared():
            self.tell("somebody deletes the traffic document")
            self.world.api.delete("ConfigMap", NAMESPACE, f"{NAME}-traffic")
            self.world.advance(self.world.seconds + 5)  # nobody does it twice within a second
            self.chance.choice((self.new_model, self.verb, self.slow_mount, self.edit_rollout))()

    def pod_trouble(self) -> None:
        """A pod dies, is drained, or does not answer for a while."""
        pods = self.world.api.all("Pod")
        if not pods:
            return
        pod = self.chance.choice(pods)
        meta, how = pod["metadata"], self.chance.choice(("dies", "is drained", "is not ready for a while"))
        self.tell(f"pod {meta['name']} {how}")
        if how == "dies":
            self.world.api.delete("Pod", meta["namespace"], meta["name"])
        elif how == "is drained":
            self.world.cluster.drain(pod)
        elif pod["status"].get("step", 0) > 2:
            self.world.cluster.unready(pod)

    def slow_mount(self) -> None:
        """A pod's kubelet heeds no annotation, until it refreshes by itself; or a pod can't be asked."""
        pods = ready_pods(self.world, front(self.world))
        if pods:
            pod, mute = self.chance.choice(pods)["metadata"], self.chance.random() < 0.4
            self.tell(f"pod {pod['name']} {'can not be asked' if mute else 'reads the document late'}")
            (self.world.pods.mute if mute else self.world.pods.slow).add(pod["uid"])

    def mounts_recover(self) -> None:
        """Every pod reads and answers again."""
        self.world.pods.slow.clear()
        self.world.pods.mute.clear()

    def time_passes(self) -> None:
        """A while, whatever is under way."""
        seconds = self.chance.choice((0.5, 5.0, 30.0, 60.0, 150.0, 601.0))
        self.tell(f"{seconds} s pass")
        if seconds >= 30:
            self.world.catch_up()
        self.world.advance(self.world.seconds + seconds)

    def crash_soon(self) -> None:
        """The operator dies after one of its next writes."""
        self.world.crash_after = self.world.seen + self.chance.choice((1, 1, 2, 3, 5))

    def crash(self) -> None:
        """The operator dies between two looks."""
        self.tell("the operator dies and starts")
        self.world.restart()

    def standby(self) -> None:
        """Another replica fills its store; it takes over when the leader dies."""
        self.tell("a standby starts")
        self.world.stand_by()

    def coalesce(self) -> None:
        """Events that wait become one an object."""
        for kind in self.world.operator.streams:
            self.world.operator.coalesce(kind)

    def relist(self) -> None:
        """The watches break and begin anew."""
        self.tell("the watches break, and list anew")
        self.world.operator.relist()

    def load(self) -> None:
        """An autoscaler finds that it needs another number of pods."""
        for scaler in self.world.api.all("HorizontalPodAutoscaler"):
            replicas = self.chance.choice((1, 2, 4))
            self.tell(f"the autoscaler of {scaler['metadata']['name']} wants {replicas} pods")
            self.world.cluster.loads[scaler["metadata"]["name"]] = replicas

    def faults(self) -> None:
        """The API server becomes better or worse."""
        self.world.faults = self.chance.choice((0.0, 0.0, 0.1, 0.5))

    def others_hands(self) -> None:
        """What is no user's, kubelet's or controller's doing."""
        self.chance.choices(list(DEEDS), list(DEEDS.values()))[0](self.world, self.chance, self.tell)


ACTIONS: dict[Callable[[Story], None], int] = {
    Story.new_spec: 3,
    Story.new_model: 8,
    Story.former_model: 1,
    Story.edit_rollout: 2,
    Story.edit_paused: 1,
    Story.edit_scaling: 2,
    Story.verb: 10,
    Story.delete_child: 2,
    Story.delete_document: 3,
    Story.pod_trouble: 3,
    Story.slow_mount: 2,
    Story.mounts_recover: 1,
    Story.time_passes: 3,
    Story.crash_soon: 4,
    Story.crash: 2,
    Story.standby: 1,
    Story.coalesce: 1,
    Story.relist: 1,
    Story.load: 1,
    Story.faults: 1,
    Story.others_hands: 8,
}


def _state(world: World) -> str:
    status = world.resource().get("status", {})
    conditions = {c["type"]: f"{c['status']} {c['reason']}" for c in status.get("conditions") or ()}
    return f"{status.get('phase')}, {conditions}, {(status.get('rollout') or {}).get('message', '')}"


__all__ = ["ACTIONS", "FATES", "NAME", "NAMESPACE", "Fate", "Story"]
