"""Writes that were sent and not answered: what came of them is read before anything else is decided."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from modelway.cluster.act import Actor, Answer
from modelway.cluster.client import OutcomeUnknown, Response, Unreachable
from modelway.cluster.kinds import MODEL_DEPLOYMENT
from modelway.cluster.records import unpack_resource
from modelway.cluster.store import Store
from modelway.world import Apply, Delete, Plan
from tests.sim.api import FakeApi, Written
from tests.sim.operator import finished

KEY = ("models", "digits")
LABELS = {"app.kubernetes.io/managed-by": "modelway", "modelway.io/deployment": "digits"}
META = {"namespace": "models", "name": "digits", "labels": LABELS}


class Scene:
    """A ModelDeployment with its front Service, and an operator's hands."""

    def __init__(self) -> None:
        self.api, self.store = FakeApi(lambda: datetime.now(UTC)), Store()
        self.api.create({"kind": MODEL_DEPLOYMENT.kind, "metadata": dict(META), "spec": {}}, "kubectl")
        self.api.create({"kind": "Service", "metadata": dict(META), "spec": {"selector": {"to": "1"}}}, "modelway")
        for kind, stream in self.api.watch_all().items():
            for _, obj in stream:
                self.store.see(kind, None, obj)
        self.actor = Actor(self.api, self.store)

    def carry_out(self, write: Apply | Delete) -> Answer:
        record = self.store.resource(KEY)
        assert record
        plan = Plan(writes=(write,), why=("a test",))
        return finished(self.actor.carry_out(KEY, unpack_resource(KEY, record), plan)).answer

    def settle(self) -> str:
        return finished(self.actor.settle(KEY))

    def own(self, name: str) -> None:
        """A user's Service of a name that we want."""
        meta = {"namespace": "models", "name": name}
        theirs = {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {"selector": {"to": "theirs"}}}
        self.api.create(theirs, "kubectl")

    def lead_to(self) -> list[str]:
        """Where the Services lead that the store knows."""
        records = self.store._owned.get(KEY, {}).values()
        return [orjson.loads(record.body)[4]["spec"]["selector"]["to"] for record in records]


def switch() -> Apply:
    manifest = {"apiVersion": "v1", "kind": "Service", "metadata": dict(META), "spec": {"selector": {"to": "2"}}}
    return Apply(manifest, create=False, why="a switch")


def creation() -> Apply:
    """It conflicts with nothing, and so would merge into whatever has its name."""
    meta = {**META, "name": "digits-2"}
    return Apply({"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {"ports": []}}, True, "a test")


def removal(scene: Scene) -> Delete:
    live = scene.api.get("Service", *KEY)
    assert live
    return Delete("Service", "digits", live["metadata"]["uid"], why="not needed")


def break_off(written: Written) -> None:
    raise OutcomeUnknown("the connection broke")


def test_what_was_carried_out_is_known_before_the_watch_tells() -> None:
    scene = Scene()
    scene.api.after = break_off
    assert scene.carry_out(switch()) is Answer.UNKNOWN
    assert scene.lead_to() == ["1"]
    assert scene.settle() == ""
    assert scene.lead_to() == ["2"]


def test_what_was_deleted_is_known_to_be_gone() -> None:
    scene = Scene()
    scene.api.after = break_off
    assert scene.carry_out(removal(scene)) is Answer.UNKNOWN
    assert scene.settle() == ""
    assert scene.lead_to() == []


def test_a_server_that_fails_may_have_done_it_all_the_same() -> None:
    """Its storage timed out, and had written."""
    scene = Scene()
    send = scene.api.send

    async def failing(method: str, *rest: Any) -> Response:
        answer = await send(method, *rest)
        return answer if method == "GET" else Response(504, b"{}")

    scene.api.send = failing  # type: ignore[method-assign]
    assert scene.carry_out(switch()) is Answer.RETRY
    assert scene.settle() == ""
    assert scene.lead_to() == ["2"]


@pytest.mark.parametrize("refused", [OutcomeUnknown("timed out"), Unreachable("no route"), 500, 403])
def test_a_doubt_stays_until_it_could_be_read(refused: Exception | int) -> None:
    scene = Scene()
    scene.api.after = break_off
    scene.carry_out(switch())

    def before(method: str, path: str) -> Response | None:
        if isinstance(refused, Exception):
            raise refused
        return Response(refused, b"{}")

    scene.api.before = before
    assert scene.settle().startswith("Service digits can't be read: ")
    scene.api.before = lambda method, path: None
    assert scene.settle() == ""
    assert scene.lead_to() == ["2"]


def test_without_a_doubt_nothing_is_read() -> None:
    scene = Scene()
    assert scene.carry_out(switch()) is Answer.DONE
    assert scene.settle() == ""
    assert scene.api.reads == 0


def test_a_doubt_is_settled_once() -> None:
    scene = Scene()
    scene.api.after = break_off
    scene.carry_out(switch())
    assert [scene.settle(), scene.settle(), scene.api.reads] == ["", "", 1]


@pytest.mark.parametrize("carried_out", [True, False])
def test_a_creation_in_doubt_takes_nobodys_object(carried_out: bool) -> None:
    """An apply that was not answered had merged into a user's object, which was ours from then on."""
    scene = Scene()
    scene.own("digits-2")
    if carried_out:
        scene.api.after = break_off
    else:
        scene.api.before = lose
    assert scene.carry_out(creation()) is Answer.UNKNOWN
    scene.api.after, scene.api.before = lambda written: None, lambda method, path: None
    assert scene.settle() == ""
    assert len(list(scene.store._owned)) == 1 and scene.lead_to() == ["1"]
    assert scene.carry_out(creation()) is Answer.REFUSED
    theirs = scene.api.get("Service", "models", "digits-2")
    assert theirs and "labels" not in theirs["metadata"]


def lose(method: str, path: str) -> Response | None:
    raise OutcomeUnknown("the connection broke before")


@pytest.mark.parametrize("trouble", [OutcomeUnknown("timed out"), Unreachable("no route"), 500])
def test_a_users_object_that_could_not_be_given_back_yet_is_tried_again(trouble: Exception | int) -> None:
    """It was told to be a bug of ours; or had our labels, and would have been deleted with the ModelDeployment."""
    scene = Scene()
    scene.own("digits-2")
    sent: list[str] = []

    def fail_the_second(method: str, path: str) -> Response | None:
        sent.append(path)
        if len(sent) == 1:
            return None
        if isinstance(trouble, Exception):
            raise trouble
        return Response(trouble, b"{}")

    scene.api.before = fail_the_second
    assert scene.carry_out(creation()) is Answer.RETRY
    scene.api.before = lambda method, path: None
    assert scene.carry_out(creation()) is Answer.REFUSED
    theirs = scene.api.get("Service", "models", "digits-2")
    assert theirs and "labels" not in theirs["metadata"]


def test_a_doubt_about_what_can_not_be_had_holds_nothing_up() -> None:
    """The right to see routes was taken away in the same moment: nothing of the ModelDeployment was done any more."""
    scene = Scene()
    scene.api.after = break_off
    route = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": dict(META), "spec": {}}
    assert scene.carry_out(Apply(route, True, "a test")) is Answer.UNKNOWN
    scene.store.unavailable["HTTPRoute"] = "Forbidden"
    scene.api.before = lambda method, path: Response(403, b"{}")
    assert scene.settle() == ""
