"""Whose object is it? Asked when an apply that should have created an object found one of that name.

Server-side apply without force is refused where fields conflict, but merges into an object with which nothing
conflicts: our labels and owner reference on somebody's ConfigMap, which would then be deleted with the ModelDeployment.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from modelway.cluster.client import APPLY, Api, OutcomeUnknown, Unreachable
from modelway.manifests import names

_OURS: Final = frozenset({names.FIELD_MANAGER, names.SEED_FIELD_MANAGER})
_CONTENT: Final = frozenset({"f:spec", "f:data", "f:binaryData"})


def foreign_owner(obj: Mapping[str, Any]) -> str | None:
    """The field manager, other than us, that owns content of the object; status and labels alone do not count,
    so that an object of ours whose labels somebody removed is found again."""
    for entry in obj["metadata"].get("managedFields") or ():
        if entry["manager"] in _OURS or entry.get("subresource"):
            continue
        if _CONTENT & set(entry.get("fieldsV1") or ()):
            return str(entry["manager"])
    return None


async def release(api: Api, path: str, obj: Mapping[str, Any]) -> str:
    """Gives up every field of ours: applying nothing removes what only we own. Returns why that has to be
    tried again; "" if not."""
    meta = obj["metadata"]
    nothing = {
        "apiVersion": obj["apiVersion"],
        "kind": obj["kind"],
        "metadata": {"name": meta["name"], "uid": meta["uid"]},
    }
    query = {"fieldManager": names.FIELD_MANAGER, "force": "true"}
    try:
        response = await api.send("PATCH", path, query, orjson.dumps(nothing), APPLY)
    except (Unreachable, OutcomeUnknown) as error:
        return str(error)
    passing = response.status >= 500 or response.status in (401, 429)
    return f"the API server answers {response.status}" if passing else ""
