"""``lint``: what is wrong with a manifest, and what is right but probably not meant. Offline and pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from modelway.api.resource import Spec
from modelway.manifests import names

from .advice import advice
from .rules import Path, broken, schema


@dataclass(frozen=True, slots=True)
class Finding:
    """``level`` is error or warning; ``path`` leads to the field."""

    level: str
    path: Path
    message: str

    @property
    def field(self) -> str:
        """The path as people write it: ``spec.rollout.steps[2].setWeight``."""
        return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in self.path).removeprefix(".")


def findings(content: dict[str, Any]) -> tuple[Finding, ...]:
    """Every finding about one ModelDeployment, errors first."""
    errors = list(_errors(content))
    if errors:
        return tuple(errors)
    spec = Spec.model_validate(content["spec"])
    return tuple(Finding("warning", ("spec", *path), message) for path, message in advice(spec))


def _errors(content: dict[str, Any]) -> Iterator[Finding]:
    if content.get("apiVersion") != names.API_VERSION:
        told = f"apiVersion is {content.get('apiVersion')!r}; write {names.API_VERSION}."
        yield Finding("error", ("apiVersion",), told)
    if not (content.get("metadata") or {}).get("name"):
        yield Finding("error", ("metadata",), "metadata.name is missing. Set it.")
    elif not isinstance(content["metadata"]["name"], str):
        yield Finding("error", ("metadata", "name"), "metadata.name must be text; put it into quotes.")
    if not isinstance(content.get("spec"), dict):
        yield Finding("error", (), "spec is missing. Set spec.model.uri at least.")
        return
    try:
        Spec.model_validate(content["spec"])
    except ValidationError as error:
        yield from (_told(each) for each in error.errors(include_url=False))
    for path, sentence in broken(content):
        if isinstance((content.get("metadata") or {}).get("name"), str) or path:
            yield _broken(path, sentence)


def _broken(path: Path, sentence: str) -> Finding:
    found = Finding("error", path, "")
    where = f"{found.field}: " if found.field else ""
    return Finding("error", path, f"{where}{sentence}.")


def _told(error: ErrorDetails) -> Finding:
    path: Path = ("spec", *_known(error["loc"]))
    field = Finding("", path, "").field
    if error["type"] == "extra_forbidden":
        return Finding("error", path, f"{field} is no field. {_did_you_mean(path)}")
    if error["type"] == "missing":
        return Finding("error", path, f"{field} is missing. Set it.")
    what = error["msg"].removeprefix("Value error, ")
    return Finding("error", path, f"{field} is {_shown(error['input'])}: {what}.")


def _known(loc: Path) -> Path:
    """Without the names that pydantic gives to the alternatives of a union."""
    return tuple(part for part in loc if isinstance(part, int) or not any(sign in part for sign in "[('"))


_LONGEST: Final = 80


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _did_you_mean(path: Path) -> str:
    """The fields that are there, the nearest one first."""
    node = schema()
    for part in path[:-1]:
        node = node.get("items", {}) if isinstance(part, int) else (node.get("properties") or {}).get(part, {})
    known = list(node.get("properties") or {})
    near = get_close_matches(str(path[-1]), known, 1)
    if near:
        return f"Did you mean {near[0]}?"
    return f"There are: {', '.join(known)}." if known else "Remove it."
