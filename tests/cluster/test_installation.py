"""Two installations of Modelway: which one looks after a namespace, and that the other leaves it alone and says so."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest

from modelway import metrics
from modelway.cluster.client import JSON, REQUEST_SECONDS, OutcomeUnknown, Response
from modelway.cluster.installation import NEVER, Installation, looks_after, read
from modelway.cluster.neighbours import FRESH_SECONDS, Neighbours
from modelway.cluster.records import Key
from modelway.deferring import Deferring
from modelway.reconcile import Look
from tests.cluster.http_api import HttpApi
from tests.cluster.test_process import MODEL_DEPLOYMENT, operator, ready, until


def deployment(
    namespace: str, name: str, created: str, namespaces: str = "", replicas: int = 2, **metadata: Any
) -> dict[str, Any]:
    """An operator's Deployment as the chart makes it."""
    settings = {"MODELWAY_RUNTIME_IMAGE": "x:1", "MODELWAY_NAMESPACES": namespaces, "MODELWAY_LEASE_NAME": name}
    env = [{"name": key, "value": value} for key, value in settings.items()]
    return {
        "metadata": {"namespace": namespace, "name": name, "creationTimestamp": created, **metadata},
        "spec": {"replicas": replicas, "template": {"spec": {"containers": [{"name": "operator", "env": env}]}}},
    }


def installation(name: str, created: str, *namespaces: str) -> Installation:
    return Installation("ops", name, created, frozenset(namespaces))


ONE, TWO, THREE = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"

# (what, ourselves, those that we see, who looks after team-a)
RULES = [
    ("alone", installation("me", NEVER), [], "me"),
    ("alone and seen", installation("me", NEVER), [installation("me", TWO)], "me"),
    ("the elder", installation("me", NEVER), [installation("me", TWO), installation("other", ONE)], "other"),
    ("we are the elder", installation("me", NEVER), [installation("me", ONE), installation("other", TWO)], "me"),
    ("it can see us, we can't", installation("me", NEVER, "team-a"), [installation("other", ONE, "team-a")], "other"),
    ("made for it", installation("me", NEVER), [installation("me", ONE), installation("own", THREE, "team-a")], "own"),
    ("we are made for it", installation("me", NEVER, "team-a"), [installation("all", ONE)], "me"),
    ("made for others", installation("me", NEVER), [installation("me", TWO), installation("b", ONE, "team-b")], "me"),
    ("at the same time", installation("me", NEVER), [installation("me", ONE), installation("a", ONE)], "a"),
]


@pytest.mark.parametrize(("me", "found", "first"), [row[1:] for row in RULES], ids=[row[0] for row in RULES])
def test_who_looks_after_a_namespace(me: Installation, found: list[Installation], first: str) -> None:
    assert looks_after("team-a", me, found).name == first


def test_an_installation_is_read_from_the_chart_s_deployment() -> None:
    assert read(deployment("ops", "ml", ONE, "team-a, team-b")) == installation("ml", ONE, "team-a", "team-b")
    assert read(deployment("ops", "ml", ONE)) == installation("ml", ONE)


@pytest.mark.parametrize(
    "gone",
    [
        deployment("ops", "ml", ONE, replicas=0),
        deployment("ops", "ml", ONE, deletionTimestamp=TWO),
        {"metadata": {"namespace": "ops", "name": "ml", "creationTimestamp": ONE}, "spec": {}},
    ],
    ids=["scaled to nothing", "on its way out", "somebody else's"],
)
def test_what_does_no_work_is_no_installation(gone: dict[str, Any]) -> None:
    assert read(gone) is None


class Deployments:
    """An API server that knows Deployments alone; ``None`` in place of an answer is none."""

    def __init__(self, *answers: Response | None) -> None:
        self.answers = list(answers)
        self.paths: list[str] = []
        self.now = 0.0

    async def send(
        self, method: str, path: str, query: Mapping[str, str] | None = None, body: bytes | None = None,
        content_type: str = JSON, accept: str = JSON, within: float = REQUEST_SECONDS,
    ) -> Response:  # fmt: skip
        self.paths.append(path)
        self.now += 0.5  # an answer takes its time
        answer = self.answers.pop(0)
        if answer is None:
            raise OutcomeUnknown("timed out")
        return answer


def test_it_is_asked_every_quarter_of_a_minute_and_trouble_changes_nothing() -> None:
    async def story() -> None:
        other = Response(200, orjson.dumps({"items": [deployment("ops", "other", ONE)]}))
        api = Deployments(other, None, Response(500, b"{}"), Response(200, b'{"items":null}'))
        neighbours = Neighbours(api, "ops", "me", (), lambda: api.now)
        both = await asyncio.gather(neighbours.goes_first("a"), neighbours.goes_first("b"))
        assert [str(each) for each in both] == ["ops/other", "ops/other"]
        for quarter, expected in ((1, "ops/other"), (2, "ops/other"), (3, "None")):
            api.now = quarter * FRESH_SECONDS
            assert str(await neighbours.goes_first("a")) == expected
        assert api.paths == ["/apis/apps/v1/deployments"] * 4

    asyncio.run(story())


def test_who_is_confined_to_namespaces_looks_there_and_at_home_if_it_may() -> None:
    async def story() -> None:
        api = Deployments(Response(403, b"{}"), Response(200, b'{"items":[]}'))
        neighbours = Neighbours(api, "ops", "me", ("team-a",), lambda: 0.0)
        assert await neighbours.goes_first("team-a") is None
        assert api.paths == [f"/apis/apps/v1/namespaces/{name}/deployments" for name in ("ops", "team-a")]

    asyncio.run(story())


def test_the_younger_installation_stands_by(tmp_path: Path) -> None:
    async def story() -> None:
        async with HttpApi().serving() as api:
            api.installations = [
                deployment("modelway-system", "modelway-operator", TWO),
                deployment("other-system", "other", ONE),
            ]
            async with operator(api, tmp_path, "younger") as process:
                await until(process.leads)
                api.api.create(MODEL_DEPLOYMENT, "kubectl")
                await until(lambda: "left to the installation other-system/other" in process.log.read_text())
                assert "modelway_left_to_others 1.0" in (await process.get("/metrics"))[1]
                assert api.api.writes == []
            assert "Deployments other-system/other and modelway-system/modelway-operator" in process.log.read_text()
            api.installations = api.installations[:1]
            async with operator(api, tmp_path, "alone"):
                await until(lambda: ready(api))

    asyncio.run(story())


class Looker:
    """A reconciler that notes what it was asked to do."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.there = True  # the ModelDeployment

    async def reconcile(self, key: Key) -> Look:
        self.told.append(f"looks at {key[1]}")
        return Look()

    def leave(self, key: Key) -> bool:
        self.told.append(f"leaves {key[1]}")
        return self.there


class Neighbour:
    """Somebody who goes first everywhere, for as long as it is there."""

    there = True

    async def goes_first(self, namespace: str) -> Installation | None:
        return installation("other", ONE) if self.there else None


def test_what_is_another_s_is_left_until_that_one_is_gone() -> None:
    async def story() -> None:
        looker, neighbour = Looker(), Neighbour()
        deferring = Deferring(looker, neighbour)  # type: ignore[arg-type]
        assert await deferring.reconcile(("ml", "digits")) == Look(again_after=FRESH_SECONDS)
        assert metrics.REGISTRY.get_sample_value("modelway_left_to_others") == 1
        neighbour.there = False
        assert await deferring.reconcile(("ml", "digits")) == Look()
        assert metrics.REGISTRY.get_sample_value("modelway_left_to_others") == 0
        assert looker.told == ["leaves digits", "looks at digits"]

    asyncio.run(story())


def test_what_is_another_s_and_deleted_is_forgotten() -> None:
    """It was looked at four times a minute, and counted, for as long as the process lived."""

    async def story() -> None:
        looker = Looker()
        deferring = Deferring(looker, Neighbour())  # type: ignore[arg-type]
        await deferring.reconcile(("ml", "digits"))
        looker.there = False
        assert await deferring.reconcile(("ml", "digits")) == Look(gone=True)
        assert metrics.REGISTRY.get_sample_value("modelway_left_to_others") == 0

    asyncio.run(story())
