"""What the API server finds by the schema alone: unknown and missing fields, wrong types, values out of bounds.

It is stricter than the models, which read "3" as 3 and ``set_weight`` as setWeight; and it says null as the API server
does, which takes a null field as one that is not there ("Defaulting and Nullable" of the CustomResourceDefinition's
documentation).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

Path = tuple[str | int, ...]
_LONGEST: Final = 80


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with the field at ``path``; ``message`` follows the field's name."""

    path: Path
    message: str


def without_nulls(value: Any) -> Any:
    """As the API server reads it: a field that is null is not there."""
    if isinstance(value, dict):
        return {key: without_nulls(below) for key, below in value.items() if below is not None}
    return [without_nulls(each) for each in value] if isinstance(value, list) else value


def faults(node: Mapping[str, Any], value: Any, path: Path = ()) -> Iterator[Fault]:
    """Every fault of a value by a structural schema."""
    wrong = _type_fault(node, value)
    if wrong:
        yield Fault(path, f"is {shown(value)}: {wrong}.")
        return
    yield from (Fault(path, f"is {shown(value)}: {each}.") for each in _out_of_bounds(node, value))
    if isinstance(value, dict):
        yield from _of_fields(node, value, path)
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from faults(node["items"], item, (*path, place))


def _of_fields(node: Mapping[str, Any], value: Mapping[str, Any], path: Path) -> Iterator[Fault]:
    known: Mapping[str, Any] = node.get("properties") or {}
    free = node.get("additionalProperties")
    for name in node.get("required") or ():
        if name not in value:
            yield Fault((*path, name), "is missing. Set it.")
    for name, below in value.items():
        if name in known or free:
            yield from faults(known.get(name) or free or {}, below, (*path, name))
        elif "properties" in node:
            yield Fault((*path, name), f"is no field. {did_you_mean(name, known)}")


def did_you_mean(name: str, known: Mapping[str, Any]) -> str:
    """The fields that are there, the nearest one first."""
    plain = {each.lower(): each for each in known}
    near = get_close_matches(name.replace("_", "").lower(), list(plain), 1)
    if near:
        return f"Did you mean {plain[near[0]]}?"
    return f"There are: {', '.join(known)}." if known else "Remove it."


def _type_fault(node: Mapping[str, Any], value: Any) -> str:
    """What it must be instead; empty if its type is right."""
    if node.get("x-kubernetes-int-or-string"):
        right = isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool))
        return "" if right else "it must be a whole number or text"
    kind = str(node.get("type", ""))
    if kind not in _RIGHT or _RIGHT[kind](value):
        return ""
    if kind == "object" and node.get("properties"):
        return f"it must hold fields: {', '.join(node['properties'])}"
    return f"it must be {_WORDS[kind]}{_remedy(kind, value)}"


def _remedy(kind: str, value: Any) -> str:
    if kind == "string" and isinstance(value, bool | int | float):
        return "; put it into quotes"
    if kind == "boolean" and str(value).lower() in ("true", "false"):
        return "; remove the quotes"
    if kind in ("integer", "number") and isinstance(value, str) and value.strip().lstrip("+-").isdecimal():
        return "; remove the quotes"
    return ""


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_RIGHT: Final[Mapping[str, Callable[[Any], bool]]] = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: _is_number(value) and value == value // 1,
    "number": _is_number,
    "boolean": lambda value: isinstance(value, bool),
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
}
_WORDS: Final = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "object": "a mapping of names to values",
    "array": "a list, each item behind a '-'",
}


def _out_of_bounds(node: Mapping[str, Any], value: Any) -> Iterator[str]:
    if value not in node.get("enum", (value,)):
        near = get_close_matches(str(value).lower(), [str(each).lower() for each in node["enum"]], 1)
        meant = next((f"; did you mean {each}?" for each in node["enum"] if [str(each).lower()] == near), "")
        yield f"it must be one of {', '.join(map(str, node['enum']))}{meant}".rstrip("?")
    if _is_number(value):
        yield from _bound(node, "minimum", "maximum", value, "it must be {least} {bound}", "")
    elif isinstance(value, str):
        yield from _bound(node, "minLength", "maxLength", len(value), "it must have {least} {bound}", " characters")
    elif isinstance(value, list):
        yield from _bound(node, "minItems", "maxItems", len(value), "it must have {least} {bound}", " items")
    elif isinstance(value, dict):
        yield from _bound(node, "", "maxProperties", len(value), "it must have {least} {bound}", " entries")


def _bound(node: Mapping[str, Any], low: str, high: str, size: float, words: str, unit: str) -> Iterator[str]:
    if low in node and size < node[low]:
        many = unit.rstrip("s") if node[low] == 1 else unit
        yield words.format(least="at least", bound=node[low]) + many
    if high in node and size > node[high]:
        yield words.format(least="at most", bound=node[high]) + unit


def shown(value: Any) -> str:
    """A value as it stands in a manifest, not too long."""
    text = f"'{value}'" if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
