"""What the tree must never become."""

from __future__ import annotations

import ast
import operator
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PURE = [
    path
    for room in ("api", "decide", "manifests", "measurement")
    for path in (ROOT / "operator/modelway" / room).glob("*.py")
]
OURS = sorted([*(ROOT / "operator").rglob("*.py"), *(ROOT / "runtime").rglob("*.py")])
IMPURE = {"kopf", "kubernetes", "asyncio", "aiohttp", "os", "logging", "random", "time", "pathlib", "subprocess"}


def test_operator_is_the_standard_librarys() -> None:
    """A package of that name at the root would break everything that is started from there."""
    assert not (ROOT / "operator/__init__.py").exists()
    assert "modelway" not in str(operator.__file__)
    subprocess.run([sys.executable, "-c", "import operator; operator.itemgetter"], cwd=ROOT, check=True)


@pytest.mark.parametrize(
    "path", [*PURE, ROOT / "operator/modelway/world.py"], ids=lambda path: f"{path.parent.name}/{path.name}"
)
def test_decisions_are_pure(path: Path) -> None:
    tree = ast.parse(path.read_text())
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""])
    }
    assert not imported & IMPURE
    calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    assert not calls & {"datetime.now", "datetime.utcnow", "open", "print"}
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Await | ast.AsyncFunctionDef | ast.Global)]


@pytest.mark.parametrize("path", OURS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_is_one_room_and_a_function_fits_on_a_screen(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 300, "a file of more than 300 lines is two rooms"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or 0) - node.lineno + 1
            assert lines <= 60, f"{node.name} has {lines} lines"


@pytest.mark.parametrize("path", OURS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_says_what_it_is(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text()))
