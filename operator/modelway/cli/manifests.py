"""Files with ModelDeployments: their documents, and the line on which a field stands."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from modelway.manifests import names

FieldPath = tuple[str | int, ...]


class Unreadable(Exception):
    """The file can't be read, or is no YAML; the message says where."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """A document of a file, and the line (from 1) on which each of its fields begins."""

    file: str
    content: Any
    lines: Mapping[FieldPath, int]

    @property
    def ours(self) -> bool:
        """Whether it is a ModelDeployment."""
        return isinstance(self.content, dict) and self.content.get("kind") == names.KIND

    def line(self, path: FieldPath) -> int:
        """The line of a field; that of the nearest thing around it if it is not there."""
        while path not in self.lines and path:
            path = path[:-1]
        return self.lines.get(path, 1)


def manifests(file: str) -> tuple[Manifest, ...]:
    """Every document of a file, of a folder's .yaml, .yml and .json files, or of standard input (``-``)."""
    if file == "-":
        return tuple(_parsed("<stdin>", sys.stdin.read()))
    path = Path(file)
    if path.is_dir():
        inside = sorted(each for each in path.iterdir() if each.suffix in _SUFFIXES)
        return tuple(manifest for each in inside for manifest in manifests(str(each)))
    try:
        return tuple(_parsed(file, path.read_text()))
    except (OSError, UnicodeDecodeError) as error:
        raise Unreadable(f"{file}: {error}") from error


_SUFFIXES: Final = frozenset({".yaml", ".yml", ".json"})


def _parsed(file: str, text: str) -> Iterator[Manifest]:
    try:
        for node in yaml.compose_all(text, Loader=yaml.SafeLoader):
            if node is None:
                continue
            loader = yaml.SafeLoader("")
            content = loader.construct_document(node)
            if isinstance(content, dict) and str(content.get("kind", "")).endswith("List"):
                yield from _items(file, node, content)
            elif content is not None:
                yield Manifest(file, content, dict(_lines(node, ())))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{file}:{mark.line + 1}" if mark else file
        raise Unreadable(f"{where}: it is no YAML: {error.problem}") from error


def _items(file: str, node: yaml.Node, content: Mapping[str, Any]) -> Iterator[Manifest]:
    lines = dict(_lines(node, ()))
    for place, item in enumerate(content.get("items") or ()):
        inside = {path[2:]: line for path, line in lines.items() if path[:2] == ("items", place)}
        yield Manifest(file, item, inside)


def _lines(node: yaml.Node, path: FieldPath) -> Iterator[tuple[FieldPath, int]]:
    yield path, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _lines(value, (*path, key.value))
            yield (*path, key.value), key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for place, item in enumerate(node.value):
            yield from _lines(item, (*path, place))
