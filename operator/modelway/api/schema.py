"""Pydantic's JSON schema, made into the structural schema that a CustomResourceDefinition may hold.

Structural means: no references, no alternatives, one type everywhere, maps or properties but not both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel

INT_OR_STRING: Final = "x-kubernetes-int-or-string"
_DROPPED: Final = frozenset({"title", "$defs"})


def structural(model: type[BaseModel]) -> dict[str, Any]:
    """The structural schema of a model."""
    schema = model.model_json_schema(by_alias=True)
    return _node(schema, schema.get("$defs", {}))


def _node(given: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    node = _resolved(given, definitions)
    if node.get(INT_OR_STRING):
        for key in ("anyOf", "type", "enum", "const", "minimum", "maximum"):
            node.pop(key, None)
    node = {
        key: value
        for key, value in node.items()
        if key not in _DROPPED and not (key == "default" and _says_nothing(value))
    }
    if "const" in node:
        node["enum"] = [node.pop("const")]
    if "properties" in node:
        node["properties"] = {name: _node(field, definitions) for name, field in node["properties"].items()}
        node.pop("additionalProperties", None)  # the API server prunes, and kubectl's strict validation refuses
        if node.pop("default", None) is not None and any("default" in field for field in node["properties"].values()):
            node["default"] = {}  # into which the API server fills the properties' own defaults
    elif isinstance(node.get("additionalProperties"), Mapping):
        node["additionalProperties"] = _node(node["additionalProperties"], definitions)
    if "items" in node:
        node["items"] = _node(node["items"], definitions)
    return node


def _resolved(given: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """The node with references followed and ``X | None`` taken as an X that may be absent."""
    node = dict(given)
    if "$ref" in node:
        target = definitions[node.pop("$ref").rpartition("/")[2]]
        node = {**_resolved(target, definitions), **node}
    some = [option for option in node.get("anyOf", ()) if option.get("type") != "null"]
    if len(some) == 1:
        del node["anyOf"]
        node = {**_resolved(some[0], definitions), **node}
    return node


def _says_nothing(default: Any) -> bool:
    return default in (None, "", [], ()) or default == {}
