"""The scripts of ``gitops/argocd/argocd-cm.yaml``, run as Argo CD runs them: Lua 5.1, the object as the global ``obj``,
the basic functions and ``table``, and no library for strings, mathematics, files or the system."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import lupa.lua51
import yaml

from tests.gitops import programs

PATCH: Final = Path(__file__).parents[2] / "gitops/argocd/argocd-cm.yaml"
KIND: Final = "modelway.io_ModelDeployment"
DATA: Final[dict[str, str]] = yaml.safe_load(PATCH.read_text())["data"]
HEALTH: Final = DATA[f"resource.customizations.health.{KIND}"]
ACTIONS: Final = yaml.safe_load(DATA[f"resource.customizations.actions.{KIND}"])
DISCOVERY: Final[str] = ACTIONS["discovery.lua"]
DEFINITIONS: Final[dict[str, str]] = {each["name"]: each["action.lua"] for each in ACTIONS["definitions"]}

ABSENT: Final = ("string", "math", "io", "os", "debug", "coroutine", "package", "require", "loadfile", "python")
Interpreter = Callable[[str, dict[str, Any]], Any]


def reference(script: str, obj: dict[str, Any]) -> Any:
    """By the interpreter of Lua's own authors."""
    runtime = lupa.lua51.LuaRuntime(unpack_returned_tuples=True, register_eval=False, register_builtins=False)
    for name in ABSENT:
        runtime.globals()[name] = None
    runtime.globals()["obj"] = _given(runtime, obj)
    return _taken(runtime.execute(script))


def argo_cds(script: str, obj: dict[str, Any]) -> Any:
    """By the interpreter that Argo CD is built with."""
    return programs.asked("lua", [{"script": script, "object": obj}])[0]


def _given(runtime: Any, value: Any) -> Any:
    if isinstance(value, dict):
        return runtime.table_from({key: _given(runtime, inner) for key, inner in value.items()})
    if isinstance(value, list):
        return runtime.table_from([_given(runtime, inner) for inner in value])
    return value


def _taken(value: Any) -> Any:
    """An empty table is an empty list, as Argo CD reads it."""
    if lupa.lua51.lua_type(value) != "table":
        return value
    keys = list(value.keys())
    if any(isinstance(key, str) for key in keys):
        return {key: _taken(inner) for key, inner in value.items()}
    return [_taken(value[key]) for key in sorted(keys)]


def restored(after: Any, before: Any) -> Any:
    """An empty table that was an object is one again: Argo CD compares what a script returns with what it was given,
    or ``pause: {}`` would come back as a list."""
    if after == [] and isinstance(before, dict):
        return before
    if isinstance(after, dict) and isinstance(before, dict):
        return {key: restored(value, before.get(key)) for key, value in after.items()}
    if isinstance(after, list) and isinstance(before, list):
        return [restored(*pair) for pair in zip(after, before, strict=False)] + after[len(before) :]
    return after
