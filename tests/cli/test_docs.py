"""docs/cli.md, docs/rollouts.md and docs/rollback.md say what is there: every command and option, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer.main

from modelway.cli.app import COMMANDS, app

ROOT = Path(__file__).parents[2]
REFERENCE = (ROOT / "docs/cli.md").read_text()
STORY = (ROOT / "docs/rollouts.md").read_text() + (ROOT / "docs/rollback.md").read_text()
OF_ALL = {"--help", "--output", "--namespace", "--filename"}


@pytest.mark.parametrize("name", [name for name, _ in COMMANDS])
def test_a_command_is_described_with_its_options(name: str) -> None:
    assert f"`{name} " in REFERENCE
    found = typer.main.get_group(app).commands[name]
    options = {each for parameter in found.params for each in parameter.opts if each.startswith("--")}
    assert not sorted(option for option in options - OF_ALL if option not in REFERENCE)


def test_every_command_of_the_story_exists() -> None:
    told = set(re.findall(r"^\$ kubectl modelway ([a-z]+)", STORY, re.MULTILINE))
    assert told >= {"get", "plan", "promote", "why", "history", "diff", "undo"}
    assert told <= {name for name, _ in COMMANDS}


def test_the_story_shows_the_rollout_of_the_example_and_files_that_exist() -> None:
    shown = next(each for each in re.findall(r"```yaml\n(.*?)```", STORY, re.DOTALL) if "strategy:" in each)
    assert shown in (ROOT / "examples/canary.yaml").read_text()
    files = set(re.findall(r"examples/[\w/.-]+\.(?:yaml|py)", STORY))
    assert len(files) >= 4
    assert not [file for file in files if not (ROOT / file).exists()]
