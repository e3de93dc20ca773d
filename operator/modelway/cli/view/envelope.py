"""What stands around the spec: apiVersion, kind, metadata. ``lint`` and ``plan`` ask alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from modelway.manifests import names

from .structure import Fault, did_you_mean, shown

# Of ObjectMeta, in the words of the API: text, or text by text.
_TEXTS: Final = ("name", "namespace")
_MAPS: Final = ("labels", "annotations")
_OTHERS: Final = (
    "generateName",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "ownerReferences",
    "finalizers",
    "managedFields",
    "selfLink",
)
_METADATA: Final[Mapping[str, Any]] = dict.fromkeys((*_TEXTS, *_MAPS, *_OTHERS))
_FIELDS: Final[Mapping[str, Any]] = dict.fromkeys(("apiVersion", "kind", "metadata", "spec", "status"))


def faults(content: Mapping[str, Any]) -> Iterator[Fault]:
    """Every fault of a document that is meant to be a ModelDeployment, but for those inside its spec."""
    for field, wanted in (("apiVersion", names.API_VERSION), ("kind", names.KIND)):
        if content.get(field) != wanted:
            told = f"is {shown(content[field])}" if content.get(field) is not None else "is missing"
            yield Fault((field,), f"{told}; write {wanted}.")
    yield from _of_metadata(content.get("metadata"))
    spec = content.get("spec")
    if not isinstance(spec, dict):
        told = "is missing" if spec is None else f"is {shown(spec)}: it must hold fields"
        yield Fault(("spec",), f"{told}. Set spec.model.uri at least.")
    for field in content:
        if field not in _FIELDS:
            yield Fault((field,), f"is no field. {did_you_mean(field, _FIELDS)}")


def _of_metadata(metadata: Any) -> Iterator[Fault]:
    if not isinstance(metadata, dict | None):
        yield Fault(("metadata",), f"is {shown(metadata)}: it must hold fields. Set metadata.name at least.")
        return
    given = metadata or {}
    if not given.get("name"):
        yield Fault(("metadata", "name"), "is missing. Set it.")
    for field in _TEXTS:
        if not isinstance(given.get(field), str | None):
            yield Fault(("metadata", field), "must be text; put it into quotes.")
    for field in _MAPS:
        yield from _of_map(field, given.get(field))
    for field in given:
        if field not in _METADATA:
            yield Fault(("metadata", field), f"is no field. {did_you_mean(field, _METADATA)}")


def _of_map(field: str, values: Any) -> Iterator[Fault]:
    if not isinstance(values, dict | None):
        yield Fault(("metadata", field), f"is {shown(values)}: it must be a mapping of names to values.")
        return
    for key, value in (values or {}).items():
        if not isinstance(value, str):
            yield Fault(("metadata", field, key), f"is {shown(value)}: it must be text; put it into quotes.")
