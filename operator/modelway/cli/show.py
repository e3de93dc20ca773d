"""How things look: for terminals in colour and at their width; for pipes as plain text, one line a line."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import asdict, is_dataclass
from enum import StrEnum
from typing import Any, Final

import orjson
import yaml
from pydantic.alias_generators import to_camel
from rich.console import Console
from rich.live import Live
from rich.text import Text
from rich.tree import Tree

from modelway.cli.view.branch import Branch, Tone, plain

_STYLES: Final = {
    Tone.PLAIN: "",
    Tone.STRONG: "bold",
    Tone.GOOD: "green",
    Tone.BAD: "red",
    Tone.WAITING: "yellow",
    Tone.QUIET: "dim",
}
_SIGNS: Final = {"+": "green", "-": "red", "~": "yellow", "w": "yellow"}


class Output(StrEnum):
    """The option -o."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


def console() -> Console:
    """Standard output, as it is now."""
    return Console(highlight=False, emoji=False, markup=False)


def emit(value: Any, lines: Iterable[str], output: Output) -> None:
    """A value as JSON or YAML, or its lines."""
    if output is Output.TABLE:
        for line in lines:
            print(line)
    else:
        sys.stdout.write(encoded(value, output))


def encoded(value: Any, output: Output) -> str:
    """JSON or YAML, keys in camelCase."""
    document = _document(value)
    if output is Output.JSON:
        return orjson.dumps(document, option=orjson.OPT_INDENT_2).decode() + "\n"
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True)


def _document(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {to_camel(key): _document(below) for key, below in asdict(value).items()}
    if isinstance(value, dict):
        return {to_camel(key): _document(below) for key, below in value.items()}
    return [_document(each) for each in value] if isinstance(value, list | tuple) else value


def coloured(lines: Iterable[str]) -> None:
    """Lines of a diff or a plan: what comes in green, what goes in red, in a terminal."""
    to = console()
    for line in lines:
        style = _SIGNS.get(line.lstrip()[:1], "") if line[:1] in "+-~ w" else "bold"
        to.print(Text(line, style), soft_wrap=True) if to.is_terminal else print(line)


def show_tree(branch: Branch) -> None:
    """A tree, once."""
    to = console()
    if to.is_terminal:
        to.print(_rich(branch))
    else:
        print("\n".join(plain(branch)))


def _rich(branch: Branch) -> Tree:
    tree = Tree(Text(branch.text, f"bold {_STYLES[branch.tone]}".strip()), guide_style="dim")
    _grow(tree, branch.below)
    return tree


def _grow(tree: Tree, below: Iterable[Branch]) -> None:
    for branch in below:
        _grow(tree.add(Text(branch.text, _STYLES[branch.tone])), branch.below)


class Screen:
    """A tree that is drawn anew only when it is another one. In a pipe each is printed after the one before."""

    def __init__(self, to: Console) -> None:
        self._console = to
        self._live = Live(console=self._console, auto_refresh=False, vertical_overflow="crop")
        self._shown: Branch | None = None

    def __enter__(self) -> Screen:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def show(self, branch: Branch) -> None:
        """Draws it, if it is not there already."""
        if branch == self._shown:
            return
        self._shown = branch
        if self._console.is_terminal:
            self._live.update(_rich(branch), refresh=True)
        else:
            self._console.file.write("\n".join(plain(branch)) + "\n\n")
            self._console.file.flush()
