"""The writes of the command line: a verb's annotation, and ``undo``'s patch. Nothing else of a cluster is changed."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from modelway.cli.reading import Failed, resource, send, succeeded
from modelway.cli.seen import Seen
from modelway.cluster.client import MERGE, Api
from modelway.cluster.kinds import MODEL_DEPLOYMENT
from modelway.manifests import names

FIELD_MANAGER: Final = "modelway-cli"
JSON_PATCH: Final = "application/json-patch+json"
LOOK_SECONDS: Final = 0.2


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """What the operator says to a verb."""

    action: str
    done: bool
    message: str
    at: str


async def act(api: Api, namespace: str, name: str, verb: str, within: float) -> Acknowledged:
    """Writes the annotation and waits for the operator's answer."""
    deadline = time.monotonic() + within
    seen = await _current(api, namespace, name, deadline)
    action = f"{verb}@{seen.target}:{secrets.token_hex(4)}"
    uid = seen.resource["metadata"]["uid"]
    body = orjson.dumps({"metadata": {"uid": uid, "annotations": {names.ACTION: action}}})
    path = MODEL_DEPLOYMENT.path(namespace, name)
    succeeded(await send(api, "PATCH", path, {"fieldManager": FIELD_MANAGER}, body, MERGE), verb)
    while time.monotonic() < deadline:
        told = (await _seen(api, namespace, name)).rollout.get("lastAction") or {}
        if told.get("action") == action:
            return Acknowledged(action, told["result"] == "Done", str(told["message"]), str(told["at"]))
        await asyncio.sleep(LOOK_SECONDS)
    raise Failed(
        f"the operator did not answer to {verb} within {within:g} s. It is asked for and will be done when the operator"
        " looks; see whether it runs: kubectl get pods -A -l app.kubernetes.io/name=modelway"
    )


async def _current(api: Api, namespace: str, name: str, deadline: float) -> Seen:
    """Once the operator has looked at the latest spec: before that, nobody knows which revision is meant."""
    while True:
        seen = await _seen(api, namespace, name)
        if seen.current and seen.target:
            return seen
        if time.monotonic() >= deadline:
            raise Failed(f"the operator has not looked at the latest change of {name} yet. Is it running?")
        await asyncio.sleep(LOOK_SECONDS)


async def _seen(api: Api, namespace: str, name: str) -> Seen:
    found = await resource(api, namespace, name)
    if found is None:
        raise Failed(f"there is no ModelDeployment {name} in namespace {namespace}. `modelway list -A` shows all.")
    return Seen(found)


async def patch(api: Api, seen: Seen, operations: list[Mapping[str, Any]]) -> None:
    """Carries a JSON patch out."""
    path = MODEL_DEPLOYMENT.path(seen.namespace, seen.name)
    query = {"fieldManager": FIELD_MANAGER}
    succeeded(await send(api, "PATCH", path, query, orjson.dumps(operations), JSON_PATCH), "undo")
