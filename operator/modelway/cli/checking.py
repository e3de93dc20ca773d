"""``plan`` and ``lint`` over whole files: each document in its turn, one exit code for all."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer

from modelway.cli import show
from modelway.cli.connection import DEFAULT, Where, connected
from modelway.cli.manifests import Manifest, model_deployments
from modelway.cli.options import File, OutputOption, run, sentences
from modelway.cli.reading import Failed
from modelway.cli.show import Output
from modelway.cli.trying import attempt
from modelway.cli.view import envelope
from modelway.cli.view.linting import Finding, field_of, findings
from modelway.cli.view.planned import Planned, told
from modelway.cluster.client import Api

NO_CHANGE: Final = 0
ERROR: Final = 1
CHANGES: Final = 2


def plan(
    filename: File,
    where: Where = DEFAULT,
    output: OutputOption = Output.TABLE,
) -> None:
    """What applying a file would do, against the live cluster, changing nothing. Exit code 0: no change, 2: changes."""
    code = run(plan_files(filename, where, output, datetime.now(UTC)))
    if code:
        raise typer.Exit(code)


def lint(
    filename: File,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings are errors.")] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Whether a file is right, without a cluster. Exit code 1 if it is not."""
    with sentences():
        code = lint_files(filename, strict, output)
    if code:
        raise typer.Exit(code)


async def plan_files(file: str, where: Where, output: Output, now: datetime) -> int:
    """The exit code: 0 no change, 2 changes, 1 an error; a refusal of one document does not hide the others."""
    found = model_deployments(file)
    results: list[Planned] = []
    code = NO_CHANGE
    async with connected(where) as api:
        for manifest in found:
            try:
                results.append(await _planned(api, manifest, where, now))
            except Failed as error:
                print(f"modelway: {error}", file=sys.stderr)
                code = ERROR
    if output is Output.TABLE:
        show.coloured(line for each in results for line in told(each))
    else:
        show.emit(results, (), output)
    return code or (CHANGES if any(each.changed for each in results) else NO_CHANGE)


async def _planned(api: Api, manifest: Manifest, where: Where, now: datetime) -> Planned:
    for fault in envelope.faults(manifest.content):
        place = f"{manifest.file}:{manifest.line(fault.path)}"
        raise Failed(f"{place}: {field_of(fault.path)} {fault.message} `modelway lint` shows all that is wrong.")
    meta = manifest.content["metadata"]
    namespace = where.namespace or str(meta.get("namespace") or "") or where.chosen_namespace()
    return await attempt(api, namespace, manifest.content, now)


def lint_files(file: str, strict: bool, output: Output) -> int:
    """The exit code: 1 if there is an error, or with ``strict`` a warning."""
    told = [
        (manifest, finding)
        for manifest in model_deployments(file)
        for finding in sorted(findings(manifest.content), key=lambda each: manifest.line(each.path))
    ]
    lines = [f"{each.file}:{each.line(found.path)}: {found.level}: {_message(found)}" for each, found in told]
    show.emit([_record(each, found) for each, found in told], lines or (f"{file}: nothing to complain of.",), output)
    return ERROR if any(strict or found.level == "error" for _, found in told) else NO_CHANGE


def _message(finding: Finding) -> str:
    return finding.message if finding.level == "error" else f"{finding.field}: {finding.message}"


def _record(manifest: Manifest, finding: Finding) -> Mapping[str, Any]:
    known = asdict(finding) | {"field": finding.field, "file": manifest.file, "line": manifest.line(finding.path)}
    return {key: known[key] for key in ("file", "line", "level", "field", "message")}
