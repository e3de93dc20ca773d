"""The operator's real process in a cluster that gets the Gateway API, and loses it again."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from modelway.cluster.client import ApiServer, Response, Unreachable
from modelway.cluster.kinds import ROUTES
from modelway.cluster.routes import RouteWatch
from modelway.cluster.store import Store
from tests.cluster.http_api import HttpApi
from tests.cluster.test_process import MODEL_DEPLOYMENT, is_ok, operator, until
from tests.sim.api import FakeApi
from tests.sim.operator import finished

SPEC: dict[str, Any] = {"model": {"uri": "http://models/1.onnx"}}
BEHIND = MODEL_DEPLOYMENT | {"spec": SPEC | {"traffic": {"gateway": {"parentRefs": [{"name": "public"}]}}}}


def condition(api: HttpApi, kind: str) -> tuple[str, str]:
    """(status, reason) of a condition, or nothing."""
    resource = api.api.get("ModelDeployment", "models", "digits") or {}
    conditions = resource.get("status", {}).get("conditions", ())
    return next(((c["status"], c["reason"]) for c in conditions if c["type"] == kind), ("", ""))


def accept(api: HttpApi) -> None:
    """What a gateway says of the route."""
    route = api.api.get("HTTPRoute", "models", "digits")
    assert route is not None
    generation = route["metadata"]["generation"]
    said = [{"type": asked, "status": "True", "reason": asked, "observedGeneration": generation, "message": ""}
            for asked in ("Accepted", "ResolvedRefs")]  # fmt: skip
    parents = [{"parentRef": {"name": "public"}, "controllerName": "example.com/one", "conditions": said}]
    api.api.report("HTTPRoute", "models", "digits", {"parents": parents})


def test_the_gateway_api_may_come_and_go(tmp_path: Path) -> None:
    async def story() -> None:
        async with HttpApi().serving() as api, operator(api, tmp_path, "a") as process:
            await until(lambda: is_ok(process, "/readyz"))
            api.api.create(BEHIND, "kubectl")
            await until(lambda: condition(api, "Ready")[0] == "True")
            assert condition(api, "Stalled") == ("True", "GatewayApiMissing")

            api.gateway_api = True
            await until(lambda: api.api.get("HTTPRoute", "models", "digits") is not None)
            await until(lambda: condition(api, "RouteAccepted") == ("Unknown", "RoutePending"))
            accept(api)
            await until(lambda: condition(api, "RouteAccepted") == ("True", "Accepted"))
            assert condition(api, "Stalled") == ("", "")
            api.api.delete("HTTPRoute", "models", "digits")
            await until(lambda: api.api.get("HTTPRoute", "models", "digits") is not None)

            api.api.delete("HTTPRoute", "models", "digits")  # they go with their definition
            api.gateway_api = False
            await until(lambda: condition(api, "Stalled") == ("True", "GatewayApiMissing"))
            assert condition(api, "Ready")[0] == "True"
            assert (await process.get("/livez"))[0] == 200
            assert await process.stop() == 0

    asyncio.run(story())


def test_a_route_that_outlived_its_field_is_removed_by_the_next_process(tmp_path: Path) -> None:
    async def story() -> None:
        async with HttpApi().serving() as api:
            api.gateway_api = True
            api.api.create(BEHIND, "kubectl")
            async with operator(api, tmp_path, "a") as first:
                await until(lambda: api.api.get("HTTPRoute", "models", "digits") is not None)
                await first.stop()
            api.api.update("ModelDeployment", "models", "digits", "kubectl", lambda obj: obj.update(spec=SPEC))
            async with operator(api, tmp_path, "b"):
                await until(lambda: api.api.get("HTTPRoute", "models", "digits") is None)

    asyncio.run(story())


@pytest.mark.parametrize("status", [401, 500, 503])
def test_routes_that_could_be_had_are_not_out_of_reach_for_a_moment_s_trouble(status: int) -> None:
    """A token that changed in the moment of a list withdrew them from everybody, and told that they are forbidden."""
    api, store = FakeApi(lambda: datetime.now(UTC)), Store()
    routes = RouteWatch(cast(ApiServer, api), store, (), store.see, lambda change: None)
    assert finished(routes._list(ROUTES[0]))
    api.before = lambda method, path: Response(status, b"{}")
    with pytest.raises(Unreachable):
        finished(routes._list(ROUTES[0]))
    assert store.unavailable == {}
