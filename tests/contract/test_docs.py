"""Every reason, phase and event that a person may meet is explained."""

from __future__ import annotations

import re
from pathlib import Path

from modelway.api.status import Phase

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/reference/conditions.md").read_text()
DECIDE = ROOT / "operator/modelway/decide"
WORD = re.compile(r'"([A-Z][a-z]+(?:[A-Z][A-Za-z]*)+|OOMKilled|Forbidden|Rejected)"')
OTHERS = {"CrashLoopBackOff", "ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "Deployment",
          "ImageInspectError", "RegistryUnavailable", "CreateContainerConfigError", "CreateContainerError", "DeletePod",
          "RunContainerError", "ReplicaFailure", "GiveUp", "GivingUp", "PriorityClass"}  # fmt: skip


def test_every_reason_and_event_is_explained() -> None:
    told = {word for path in DECIDE.glob("*.py") for word in WORD.findall(path.read_text())} - OTHERS
    assert len(told) > 30
    assert not sorted(word for word in told if f"`{word}`" not in PAGE)


def test_every_phase_is_explained() -> None:
    assert not [phase for phase in Phase if f"`{phase}`" not in PAGE]
