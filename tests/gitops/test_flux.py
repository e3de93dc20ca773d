"""The page's expressions for Flux, evaluated by Flux's own code, for those who don't wait for a person."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.gitops import programs
from tests.gitops.states import STATES
from tests.gitops.worlds import document

PAGE = (Path(__file__).parents[2] / "docs/gitops.md").read_text()
BLOCKS: list[Any] = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]
(EXPRESSIONS,) = next(block["healthCheckExprs"] for block in BLOCKS if "healthCheckExprs" in block)

WORDS = {
    "nobody has looked at it": "InProgress",
    "its first revision comes up": "InProgress",
    "the spec pauses from the beginning": "InProgress",
    "it serves": "Current",
    "nobody has looked at the change": "InProgress",
    "a canary pauses for a minute": "Current",
    "a canary waits for a person": "Current",
    "the spec pauses an update": "Current",
    "it is scaled to zero": "Current",
    "it was rolled back": "Failed",
    "the spec can't be read": "Failed",
    "a write was refused": "Failed",
    "its first revision was given up": "Failed",
    "its pods were drained": "InProgress",
    "its pods crash": "InProgress",
}


@pytest.mark.timeout(600)  # the first time it is built
@pytest.mark.skipif(not programs.available(), reason="Flux's expressions are a Go library, and there is no Go compiler")
def test_flux_calls_healthy_what_answers_and_failed_what_was_given_up() -> None:
    checks = {key: EXPRESSIONS[key] for key in ("current", "failed")}
    answers = programs.asked("cel", [checks | {"object": document(STATES[name].make())} for name in WORDS])
    assert {name: answer["status"] for name, answer in zip(WORDS, answers, strict=True)} == WORDS


def test_the_page_is_about_our_kind() -> None:
    obj = document(STATES["it serves"].make())
    checks = [next(block["healthChecks"] for block in BLOCKS if "healthChecks" in block)[0], EXPRESSIONS]
    assert {(check["apiVersion"], check["kind"]) for check in checks} == {(obj["apiVersion"], obj["kind"])}
