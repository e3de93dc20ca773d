"""The commands that change something: the verbs, and ``undo``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final

import typer

from modelway.cli import acting, show
from modelway.cli.connection import DEFAULT, Where, connected
from modelway.cli.options import Name, OutputOption, Seconds, run
from modelway.cli.reading import see
from modelway.cli.show import Output
from modelway.cli.view.returning import former, numbered, patch

WITHIN: Final = 15.0  # seconds; the operator answers within one, unless it changes its leader

# Verbs with what they do, but for `promote`, which has an option.
VERBS: Final = (
    ("pause", "Stay in the step that the rollout is in, with its weights."),
    ("resume", "Go on after a pause."),
    ("abort", "Give the candidate up; all traffic returns to the stable revision."),
    ("retry", "Try a revision that failed once more."),
)


def promote(
    name: Name,
    full: Annotated[bool, typer.Option("--full", help="Skip all gates and steps.")] = False,
    timeout: Seconds = WITHIN,
    where: Where = DEFAULT,
    output: OutputOption = Output.TABLE,
) -> None:
    """Go to the next step."""
    _tell("promote-full" if full else "promote", name, where, timeout, output)


def command(verb: str, text: str) -> Callable[..., None]:
    """The command of a verb without options of its own."""

    def told(
        name: Name,
        timeout: Seconds = WITHIN,
        where: Where = DEFAULT,
        output: OutputOption = Output.TABLE,
    ) -> None:
        _tell(verb, name, where, timeout, output)

    told.__doc__ = text
    return told


def _tell(verb: str, name: str, where: Where, timeout: float, output: Output) -> None:
    async def tell() -> acting.Acknowledged:
        async with connected(where) as api:
            return await acting.act(api, where.chosen_namespace(), name, verb, timeout)

    told = run(tell())
    result = "done" if told.done else "ignored"
    show.emit(told, (f"{verb} {name}: {result}. {told.message}",), output)
    if not told.done:
        raise typer.Exit(1)


def undo(
    name: Name,
    to_revision: Annotated[int, typer.Option("--to-revision", help="Its number; 0: what served before.")] = 0,
    force: Annotated[bool, typer.Option("--force", help="Also where Argo CD or Flux apply the object.")] = False,
    where: Where = DEFAULT,
    output: OutputOption = Output.TABLE,
) -> None:
    """Write the model and serving of a former revision into the spec."""

    async def write() -> tuple[int, bool]:
        async with connected(where) as api:
            seen = await see(api, where.chosen_namespace(), name)
            revision = numbered(seen, to_revision) if to_revision else former(seen)
            await acting.patch(api, seen, list(patch(seen, revision, force)))
            return int(revision["revision"]), "rollback" in seen.spec

    number, forced = run(write())
    gone = " spec.rollback is removed: it would win." if forced else ""
    how = f"`modelway get {name} --watch` shows how it goes."
    told = f"undo {name}: the spec asks for revision {number} again.{gone} {how}"
    show.emit({"name": name, "revision": number}, (told,), output)
