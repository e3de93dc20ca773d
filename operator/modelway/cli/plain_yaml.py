"""YAML as the API server gets it from kubectl: what JSON can say, and nothing else.

kubectl reads YAML 1.1 with go-yaml v2 and makes JSON of it. Python's reader differs where it hurts: ``1e-4`` is text to
it, ``2026-01-01`` a date and ``10:30`` a number of minutes, while to kubectl they are a number and two texts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any, Final

import yaml

FieldPath = tuple[str | int, ...]
_TAG: Final = "tag:yaml.org,2002:"
_KEYS: Final = frozenset({f"{_TAG}str", f"{_TAG}merge"})
_INT: Final = re.compile(r"^[-+]?(?:0b[01_]+|0x[0-9a-fA-F_]+|0[0-7_]*|[1-9][0-9_]*)$")
_FLOAT: Final = re.compile(
    r"^[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?$|^[-+]?\.(?:inf|Inf|INF)$|^\.(?:nan|NaN|NAN)$"
)
_BOOL: Final = re.compile(r"^[yYnN]$")  # beside yes, no, on, off, true and false
_OTHERS: Final = frozenset({"int", "float", "timestamp", "value"})  # implicit tags that kubectl knows otherwise, or not
_LARGEST: Final = 2**63
_MOST: Final = 100_000  # fields of a document; aliases of aliases make billions of a few lines


class NotPlain(Exception):
    """It is YAML that JSON can't say; ``line`` (from 1) and a sentence without a stop."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


class _Loader(yaml.SafeLoader):
    """Only what JSON has: other tags are refused by name."""

    yaml_constructors: Final = {  # type: ignore[misc]  # yaml looks it up on the class
        f"{_TAG}{name}": yaml.SafeLoader.yaml_constructors[f"{_TAG}{name}"]
        for name in ("null", "bool", "int", "float", "str", "seq", "map")
    }
    yaml_implicit_resolvers: Final = {  # type: ignore[misc]  # as above
        first: [(tag, pattern) for tag, pattern in known if tag.removeprefix(_TAG) not in _OTHERS]
        for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    bool_values = {**yaml.SafeLoader.bool_values, "y": True, "n": False}  # noqa: RUF012  # yaml's own attribute


_Loader.add_implicit_resolver(f"{_TAG}int", _INT, list("-+0123456789"))
_Loader.add_implicit_resolver(f"{_TAG}float", _FLOAT, list("-+.0123456789"))
_Loader.add_implicit_resolver(f"{_TAG}bool", _BOOL, list("yYnN"))


def _unknown(loader: _Loader, node: yaml.Node) -> Any:
    raise NotPlain(_line(node), f"the tag {node.tag.replace(_TAG, '!!')} means nothing to Kubernetes. Remove it")


_Loader.add_constructor(None, _unknown)


def documents(text: str) -> Iterator[tuple[Any, Mapping[FieldPath, int]]]:
    """Each document, and the line (from 1) on which each of its fields begins. Raises ``NotPlain``, ``yaml.YAMLError``
    and, where things stand inside each other without end, ``RecursionError``."""
    for node in yaml.compose_all(text, Loader=_Loader):
        if node is None:
            continue
        lines: dict[FieldPath, int] = {}
        for path, line in _lines(node, ()):
            lines[path] = line
            if len(lines) > _MOST:
                raise NotPlain(_line(node), f"a document with its aliases has more than {_MOST:,} fields. Write less")
        yield _Loader("").construct_document(node), lines


def _lines(node: yaml.Node, path: FieldPath) -> Iterator[tuple[FieldPath, int]]:
    yield path, _line(node)
    if isinstance(node, yaml.MappingNode):
        before: dict[str, int] = {}
        for key, value in node.value:
            _check_key(key, before)
            yield from _lines(value, (*path, key.value))
            yield (*path, key.value), _line(key)
    elif isinstance(node, yaml.SequenceNode):
        for place, item in enumerate(node.value):
            yield from _lines(item, (*path, place))
    else:
        _check_value(node)


def _check_key(key: yaml.Node, before: dict[str, int]) -> None:
    if key.tag not in _KEYS:
        shown = key.value if isinstance(key, yaml.ScalarNode) else "that is a list or a mapping"
        raise NotPlain(_line(key), f"the key {shown} is no text. Put it into quotes, or remove it")
    if key.value in before:
        first = before[key.value]
        raise NotPlain(_line(key), f"{key.value} stands here again, after line {first}. Remove one of the two")
    before[key.value] = _line(key)


def _check_value(node: yaml.Node) -> None:
    """What JSON, or the API server's numbers, can't hold."""
    text = str(node.value)
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise NotPlain(_line(node), "half of a surrogate pair is no text. Write the character itself")
    if node.tag in (f"{_TAG}int", f"{_TAG}float"):
        try:
            number = _Loader("").construct_object(node)
        except ValueError:
            raise NotPlain(_line(node), f"{text} is no number. Put it into quotes if it is text") from None
        if not isfinite(number) or (abs(number) >= _LARGEST and isinstance(number, int)):
            raise NotPlain(_line(node), f"{text} is a number that JSON can't hold. Write a smaller one")


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
