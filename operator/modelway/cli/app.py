"""The table of commands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import typer

from modelway.cli import changing, checking, looking
from modelway.cli.options import on_cluster

COMMANDS: Final[tuple[tuple[str, Callable[..., None]], ...]] = (
    ("get", looking.get),
    ("list", looking.list_),
    ("promote", changing.promote),
    *((verb, changing.command(verb, text)) for verb, text in changing.VERBS),
    ("undo", changing.undo),
    ("history", looking.history),
    ("diff", looking.diff),
    ("why", looking.why),
    ("plan", checking.plan),
    ("lint", checking.lint),
)

app = typer.Typer(
    name="modelway",
    help="Looks at rollouts of ModelDeployments and tells them what to do. Also `kubectl modelway`.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for name, function in COMMANDS:
    app.command(name)(on_cluster(function))
