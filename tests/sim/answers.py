"""Paths and answers of the simulated API server, the defaults that it fills in, and what its watches select."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import orjson

from modelway.cluster.client import Response
from modelway.cluster.kinds import BY_KIND, ApiKind

_DEFAULTS = (("Deployment", "replicas", 1), ("Service", "clusterIP", "10.0.0.1"))


def selected(kind: ApiKind, obj: Mapping[str, Any]) -> bool:
    labels = obj["metadata"].get("labels") or {}
    return not kind.selected or labels.get("app.kubernetes.io/managed-by") == "modelway"


def defaulted(kind: str, obj: dict[str, Any]) -> dict[str, Any]:
    """The object with the defaults that matter to who owns what."""
    for of, field, value in _DEFAULTS:
        if kind == of and field not in (obj.get("spec") or {}):
            obj = {**obj, "spec": {**(obj.get("spec") or {}), field: value}}
    return obj


@lru_cache(1024)
def parse(path: str) -> tuple[str, str, str, str]:
    parts = path.strip("/").split("/")
    if "namespaces" not in parts:
        return _kind(parts[-1]), "", "", ""
    at = parts.index("namespaces")
    namespace, plural, *rest = parts[at + 1 :]
    return _kind(plural), namespace, rest[0] if rest else "", rest[1] if len(rest) > 1 else ""


def _kind(plural: str) -> str:
    return next(kind.kind for kind in BY_KIND.values() if kind.plural == plural)


def answer(status: int, body: Mapping[str, Any]) -> Response:
    return Response(status, orjson.dumps(body))


def failure(status: int, message: str, cause: str = "") -> Response:
    details = {"causes": [{"reason": cause}]} if cause else {}
    return answer(status, {"kind": "Status", "code": status, "message": message, "details": details})
