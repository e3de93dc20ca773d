"""The table of commands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import typer
from typer.core import TyperGroup

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

ERROR: Final = 1
_USAGE: Final[Any] = typer.BadParameter.__bases__[0]  # typer's own UsageError, which it does not export


class Commands(TyperGroup):
    """A wrong option is an error like any other: 2, as typer would have it, is `plan`'s word for changes."""

    def make_context(self, *arguments: Any, **extra: Any) -> Any:
        with _ended_by_errors():
            return super().make_context(*arguments, **extra)

    def invoke(self, ctx: Any) -> Any:
        with _ended_by_errors():
            return super().invoke(ctx)


@contextmanager
def _ended_by_errors() -> Iterator[None]:
    try:
        yield
    except _USAGE as error:
        error.exit_code = ERROR
        raise


app = typer.Typer(
    name="modelway",
    cls=Commands,
    help="Looks at rollouts of ModelDeployments and tells them what to do. Also `kubectl modelway`.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for name, function in COMMANDS:
    app.command(name)(on_cluster(function))
