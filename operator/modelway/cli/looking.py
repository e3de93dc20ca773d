"""The commands that only look: ``get``, ``list``, ``history``, ``diff``, ``why``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from modelway.cli import show
from modelway.cli.connection import DEFAULT, Where, connected
from modelway.cli.following import follow
from modelway.cli.options import Name, OutputOption, failed, run, sentences
from modelway.cli.reading import every, see
from modelway.cli.seen import Seen
from modelway.cli.show import Output
from modelway.cli.view import history as past
from modelway.cli.view.comparing import chosen, compared
from modelway.cli.view.listing import listing
from modelway.cli.view.picture import picture
from modelway.cli.view.table import lines
from modelway.cli.view.tree import tree
from modelway.cli.view.why import why as explained
from modelway.cluster.kinds import MODEL_DEPLOYMENT


async def _see(where: Where, name: str) -> Seen:
    async with connected(where) as api:
        return await see(api, where.chosen_namespace(), name)


def get(
    name: Name,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Go on, and draw anew when something changed.")] = False,
    where: Where = DEFAULT,
    output: OutputOption = Output.TABLE,
) -> None:
    """Revisions, pods, weights, steps, checks with their numbers, what is waited for, what comes next."""
    if watch and output is not Output.TABLE:
        raise failed("--watch draws a tree, so it does not go with -o json or yaml. Remove one of the two.")
    if watch:
        run(_watch(where, name))
    picked = picture(run(_see(where, name)))
    if output is Output.TABLE:
        show.show_tree(tree(picked))
    else:
        show.emit(picked, (), output)


async def _watch(where: Where, name: str) -> None:
    with show.Screen(show.console()) as screen:
        async with connected(where) as api:

            async def draw() -> None:
                screen.show(tree(picture(await see(api, where.chosen_namespace(), name))))

            await follow(api, where.chosen_namespace(), name, draw)


def list_(
    all_namespaces: Annotated[bool, typer.Option("--all-namespaces", "-A", help="In every namespace.")] = False,
    where: Where = DEFAULT,
    output: OutputOption = Output.TABLE,
) -> None:
    """One line for each ModelDeployment."""

    async def read() -> list[dict[str, object]]:
        async with connected(where) as api:
            return await every(api, MODEL_DEPLOYMENT, None if all_namespaces else where.chosen_namespace())

    table = listing(run(read()), datetime.now(UTC))
    show.emit(table.records(), lines(table) if table.rows else ("There is none.",), output)


def history(
    name: Name,
    revision: Annotated[int, typer.Option("--revision", help="All about the revision of this number.")] = 0,
    where: Where = DEFAULT,
    output: OutputOption = Output.TABLE,
) -> None:
    """The revisions that are remembered."""
    seen = run(_see(where, name))
    if revision:
        told = past.details(seen, revision)
        if not told:
            raise failed(f"there is no revision {revision} of {name}. See `modelway history {name}`.")
        show.emit(dict(line.split(": ", 1) for line in told), told, output)
        return
    table = past.history(seen)
    show.emit(table.records(), lines(table), output)


def diff(
    name: Name,
    one: Annotated[int, typer.Argument(metavar="[REVISION]", help="From; by default what serves.")] = 0,
    other: Annotated[int, typer.Argument(metavar="[REVISION]", help="To; by default the latest.")] = 0,
    where: Where = DEFAULT,
    output: OutputOption = Output.TABLE,
) -> None:
    """What differs between two revisions, field by field."""
    seen = run(_see(where, name))

    with sentences():
        before, after = chosen(seen, one, other)
        found = compared(seen, before, after)
    if output is not Output.TABLE:
        show.emit(list(found), (), output)
        return
    head = (f"--- {name} revision {before}", f"+++ {name} revision {after}")
    show.coloured((*head, *(line for each in found for line in each.lines())))


def why(
    name: Name,
    where: Where = DEFAULT,
    output: OutputOption = Output.TABLE,
) -> None:
    """What happens, what hinders, what to do: one paragraph."""
    text = explained(run(_see(where, name)))
    show.emit({"name": name, "why": text}, (text,), output)
