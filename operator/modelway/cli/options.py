"""The options that every command has, and how its errors end it."""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Annotated, Any, Final, TypeVar

import typer

from modelway.cli.connection import Where, connected
from modelway.cli.manifests import Unreadable
from modelway.cli.reading import Failed, every
from modelway.cli.show import Output
from modelway.cli.view.returning import Refused
from modelway.cluster.credentials import NoCredentials
from modelway.cluster.kinds import MODEL_DEPLOYMENT

T = TypeVar("T")
COMPLETION_SECONDS: Final = 3.0
ERRORS: Final = (Failed, Refused, Unreadable, NoCredentials, OSError)

_CLUSTER: Final = "Cluster"
Namespace = Annotated[
    str, typer.Option("--namespace", "-n", help="Namespace; the context's by default.", rich_help_panel=_CLUSTER)
]
Context = Annotated[str, typer.Option("--context", help="Context of the kubeconfig.", rich_help_panel=_CLUSTER)]
Kubeconfig = Annotated[str, typer.Option("--kubeconfig", help="Kubeconfig file.", rich_help_panel=_CLUSTER)]
OutputOption = Annotated[Output, typer.Option("--output", "-o", help="table, json or yaml.")]
_CLUSTER_OPTIONS: Final = {"namespace": Namespace, "context": Context, "kubeconfig": Kubeconfig}
Seconds = Annotated[float, typer.Option("--timeout", min=1, help="Seconds to wait for the operator's answer.")]


def complete_names(ctx: typer.Context, incomplete: str) -> list[str]:
    """Names of ModelDeployments, for the shell; none where the cluster does not answer."""
    given = ctx.params
    where = Where(*(str(given.get(name) or "") for name in ("namespace", "context", "kubeconfig")))
    try:
        found = asyncio.run(asyncio.wait_for(_names(where), COMPLETION_SECONDS))
    except (*ERRORS, TimeoutError):
        return []
    return [name for name in found if name.startswith(incomplete)]


async def _names(where: Where) -> list[str]:
    async with connected(where) as api:
        found = await every(api, MODEL_DEPLOYMENT, where.chosen_namespace())
    return [str(each["metadata"]["name"]) for each in found]


Name = Annotated[str, typer.Argument(metavar="NAME", help="The ModelDeployment.", autocompletion=complete_names)]
File = Annotated[str, typer.Option("--filename", "-f", help="File, folder, or - for standard input.")]


def on_cluster(command: Callable[..., None]) -> Callable[..., None]:
    """The command with --namespace, --context and --kubeconfig in place of its parameter ``where``, if it has one.

    So each command says only that it needs a cluster, and the options by which one is chosen stand here alone.
    """
    signature = inspect.signature(command, eval_str=True)
    if "where" not in signature.parameters:
        return command

    @wraps(command)
    def called(**given: Any) -> None:
        chosen = {name: given.pop(name) for name in _CLUSTER_OPTIONS}
        command(where=Where(**chosen), **given)

    called.__signature__ = signature.replace(parameters=list(_options(signature)))  # type: ignore[attr-defined]  # read by inspect
    return called


def _options(signature: inspect.Signature) -> Iterator[inspect.Parameter]:
    for name, parameter in signature.parameters.items():
        if name != "where":
            yield parameter
            continue
        for option, annotation in _CLUSTER_OPTIONS.items():
            yield inspect.Parameter(option, parameter.kind, default="", annotation=annotation)


@contextmanager
def sentences() -> Iterator[None]:
    """What can't be done is one sentence on standard error, and exit code 1."""
    try:
        yield
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    except BrokenPipeError:
        raise
    except ERRORS as error:
        raise failed(str(error)) from error
    except BaseExceptionGroup as group:
        first = group.exceptions[0]
        if isinstance(first, BrokenPipeError):
            raise first from None
        if isinstance(first, ERRORS):
            raise failed(str(first)) from first
        raise


def run(work: Coroutine[Any, Any, T]) -> T:
    """The command's work, its errors as sentences."""
    with sentences():
        return asyncio.run(work)


def failed(message: str) -> typer.Exit:
    """Says it; the exit to raise."""
    print(f"modelway: {message}", file=sys.stderr)
    return typer.Exit(1)
