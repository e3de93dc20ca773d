"""Files with ModelDeployments: what is in them, and whose business it is."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

import yaml

from modelway.cli.plain_yaml import FieldPath, NotPlain, documents
from modelway.manifests import names

STDIN: Final = "-"
_SUFFIXES: Final = frozenset({".yaml", ".yml", ".json"})


class Unreadable(Exception):
    """The file can't be read, or is no YAML; the message says where, and what to do."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """A document of a file, and the line (from 1) on which each of its fields begins."""

    file: str
    content: Any
    lines: Mapping[FieldPath, int]

    @property
    def ours(self) -> bool:
        """Whether it is a ModelDeployment, or is meant to be one: ``modeldeployment``, another kind of our API."""
        if not isinstance(self.content, dict):
            return False
        kind, version = str(self.content.get("kind", "")), str(self.content.get("apiVersion", ""))
        alike = get_close_matches(kind.lower(), [names.KIND.lower()], 1, 0.85)
        return kind == names.KIND or bool(alike) or version.partition("/")[0] == names.GROUP

    @property
    def called(self) -> str:
        """What it is, for a list of what a file holds."""
        if isinstance(self.content, list):
            return "a list"
        if not isinstance(self.content, dict):
            return "plain text"
        return f"a {self.content['kind']}" if self.content.get("kind") else "a mapping without a kind"

    def line(self, path: FieldPath) -> int:
        """The line of a field; that of the nearest thing around it if it is not there."""
        while path not in self.lines and path:
            path = path[:-1]
        return self.lines.get(path, 1)


def model_deployments(file: str) -> list[Manifest]:
    """The ModelDeployments of a file, folder or standard input; others are none of our business."""
    found = manifests(file)
    ours = [manifest for manifest in found if manifest.ours]
    if not ours:
        told = " and ".join(dict.fromkeys(manifest.called for manifest in found[:_NAMED]))
        more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        what = f"holds no {names.KIND}, but {told}{more}" if found else "holds nothing"
        raise Unreadable(f"{_shown(file)} {what}. Give -f a file that holds a {names.KIND}.")
    return ours


_NAMED: Final = 3


def manifests(file: str) -> tuple[Manifest, ...]:
    """Every document of a file, of a folder's .yaml, .yml and .json files, or of standard input (``-``)."""
    if not file:
        raise Unreadable("the file's name is empty. Give -f a file, a folder, or - for standard input.")
    if file == STDIN:
        return tuple(_parsed(_shown(file), sys.stdin.buffer.read()))
    path = Path(file)
    try:
        if path.is_dir():
            inside = sorted(each for each in path.iterdir() if each.suffix in _SUFFIXES and not each.is_dir())
            if not inside:
                raise Unreadable(f"{file} is a folder without .yaml, .yml or .json files. Give -f another one.")
            return tuple(manifest for each in inside for manifest in manifests(str(each)))
        return tuple(_parsed(file, path.read_bytes()))
    except (OSError, ValueError) as error:  # ValueError: a name with a zero byte
        why = getattr(error, "strerror", None) or str(error)
        raise Unreadable(f"{file} can't be read: {why}. Give -f a file, a folder, or - for standard input.") from error


def _shown(file: str) -> str:
    return "<stdin>" if file == STDIN else file


def _parsed(file: str, data: bytes) -> Iterator[Manifest]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        told = f"byte 0x{data[error.start]:02x} is no UTF-8"
        raise Unreadable(f"{file}:{line}: it is no text: {told}. Give -f YAML or JSON in UTF-8.") from error
    try:
        for content, lines in documents(text):
            if isinstance(content, dict) and str(content.get("kind", "")).endswith("List"):
                yield from _items(file, content, lines)
            elif content is not None:
                yield Manifest(file, content, lines)
    except NotPlain as error:
        raise Unreadable(f"{file}:{error.line}: {error}.") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{file}:{mark.line + 1}" if mark else file
        raise Unreadable(f"{where}: it is no YAML: {error.problem}.{_hint(error)}") from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        told = f"it is no YAML: it holds the control character 0x{ord(text[error.position]):02x}. Remove it."
        raise Unreadable(f"{file}:{line}: {told}") from error
    except RecursionError as error:
        told = "lists or mappings stand too deep inside each other, or an alias inside itself. Write it flatter."
        raise Unreadable(f"{file}: {told}") from error


def _hint(error: yaml.MarkedYAMLError) -> str:
    problem = str(error.problem)
    if "'\\t'" in problem:
        return " Indent with spaces, not tabs."
    if "'-'" in problem and error.problem_mark and "{{" in str(error.problem_mark.get_snippet() or ""):
        return " It looks like a template; render it first, as with `helm template`."
    return ""


def _items(file: str, content: Mapping[str, Any], lines: Mapping[FieldPath, int]) -> Iterator[Manifest]:
    items = content.get("items")
    for place, item in enumerate(items if isinstance(items, list) else ()):
        inside = {path[2:]: line for path, line in lines.items() if path[:2] == ("items", place)}
        yield Manifest(file, item, inside)
