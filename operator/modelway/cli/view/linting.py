"""``lint``: what is wrong with a manifest, and what is right but probably not meant. Offline and pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from modelway.api.resource import Spec

from . import envelope
from .advice import advice
from .rules import broken, schema
from .structure import Fault, Path, faults, shown, without_nulls


@dataclass(frozen=True, slots=True)
class Finding:
    """``level`` is error or warning; ``path`` leads to the field."""

    level: str
    path: Path
    message: str

    @property
    def field(self) -> str:
        """The path as people write it: ``spec.rollout.steps[2].setWeight``."""
        return field_of(self.path)


def field_of(path: Path) -> str:
    """A path as people write it."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def findings(content: dict[str, Any]) -> tuple[Finding, ...]:
    """Every finding about one ModelDeployment, errors first."""
    errors = list(_errors(content))
    if errors:
        return tuple(errors)
    spec = Spec.model_validate(without_nulls(content["spec"]))
    told = [*_without_effect(content), *((("spec", *path), message) for path, message in advice(spec))]
    return tuple(Finding("warning", path, message) for path, message in told)


def _errors(content: dict[str, Any]) -> Iterator[Finding]:
    around = list(envelope.faults(content))
    yield from map(_told, around)
    spec = without_nulls(content.get("spec"))
    if not isinstance(spec, dict):
        return
    structure = list(faults(schema()["properties"]["spec"], spec, ("spec",)))
    yield from map(_told, structure)
    by_models = [each for each in _of_models(spec) if not _covered(each, structure)]
    yield from map(_told, by_models)
    said = {each.path for each in (*around, *structure, *by_models)}
    for path, sentence in broken({**content, "spec": spec}):
        where = ("metadata", "name") if sentence.startswith("metadata.name") else path
        if where not in said:
            yield _broken(where, sentence)


def _told(fault: Fault) -> Finding:
    return Finding("error", fault.path, f"{field_of(fault.path)} {fault.message}")


def _broken(path: Path, sentence: str) -> Finding:
    where = field_of(path)
    return Finding("error", path, f"{sentence}." if sentence.startswith(where) else f"{where}: {sentence}.")


def _of_models(spec: dict[str, Any]) -> Iterator[Fault]:
    """What the models find beyond the schema: text that is not of the right form."""
    try:
        Spec.model_validate(spec)
    except ValidationError as error:
        for each in error.errors(include_url=False):
            what = each["msg"].removeprefix("Value error, ").replace("Input should be", "it must be")
            yield Fault(("spec", *_known(each["loc"])), f"is {shown(each['input'])}: {what}.")


def _covered(fault: Fault, by: list[Fault]) -> bool:
    """Whether the schema found something at that field, below or around it, so that the models say it again."""
    shorter = ((each.path, fault.path, min(len(each.path), len(fault.path))) for each in by)
    return any(one[:length] == other[:length] for one, other, length in shorter)


def _known(loc: Path) -> Path:
    """Without the names that pydantic gives to the alternatives of a union."""
    return tuple(part for part in loc if isinstance(part, int) or not any(sign in part for sign in "[('"))


def _without_effect(content: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    if content.get("status"):
        yield ("status",), "only Modelway writes the status, so what a file says there has no effect. Remove it."
    for path in _nulls(content["spec"], ("spec",)):
        yield path, "it is empty, as if it were not there. Set it, or remove it."


def _nulls(value: Any, path: Path) -> Iterator[Path]:
    if value is None:
        yield path
    elif isinstance(value, dict):
        for key, below in value.items():
            yield from _nulls(below, (*path, key))
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from _nulls(item, (*path, place))
