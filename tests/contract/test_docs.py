"""Every reason, phase, event, metric and setting that a person may meet is explained."""

from __future__ import annotations

import re
from pathlib import Path

from modelserver import metrics as server_metrics
from modelserver import settings as server_settings
from modelway import metrics as operator_metrics
from modelway import settings as operator_settings
from modelway import verdicts
from modelway.api.status import Phase
from modelway.manifests import runtime

ROOT = Path(__file__).parents[2]
REMEDIES = (ROOT / "docs/troubleshooting.md").read_text()
PAGE = (ROOT / "docs/reference/conditions.md").read_text() + REMEDIES
DECIDE = ROOT / "operator/modelway/decide"
WORD = re.compile(r'"([A-Z][a-z]+(?:[A-Z][A-Za-z]*)+|OOMKilled|Forbidden|Rejected)"')
OTHERS = {"CrashLoopBackOff", "ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "Deployment",
          "ImageInspectError", "RegistryUnavailable", "CreateContainerConfigError", "CreateContainerError", "DeletePod",
          "RunContainerError", "ReplicaFailure", "GiveUp", "GivingUp", "PriorityClass", "BlueGreen"}  # fmt: skip


def test_every_reason_and_event_is_explained() -> None:
    told = {word for path in DECIDE.glob("*.py") for word in WORD.findall(path.read_text())} - OTHERS
    assert len(told) > 30
    assert not sorted(word for word in told if f"`{word}`" not in PAGE)


def test_every_phase_is_explained() -> None:
    assert not [phase for phase in Phase if f"`{phase}`" not in PAGE]


def test_every_metric_is_named() -> None:
    operations, server = (ROOT / "docs/operations.md").read_text(), (ROOT / "docs/server.md").read_text()
    families = [*(family.name for family in operator_metrics.REGISTRY.collect()), *verdicts.NAMES]
    ours = [name for name in families if not name.startswith(("process_", "python_"))]
    assert len(ours) > 15
    assert not [name for name in ours if f"`{name}`" not in operations and f"`{name}_total`" not in operations]
    assert not [name for name in server_metrics.METRICS if f"`{name}`" not in server]


def test_every_setting_is_named() -> None:
    operations = (ROOT / "docs/operations.md").read_text()
    told = (ROOT / "docs/server.md").read_text() + (ROOT / "ARCHITECTURE.md").read_text()
    assert not [setting.variable for setting in operator_settings.TABLE if f"`{setting.variable}`" not in operations]
    variables = set(re.findall(r'"((?:MODELSERVER|OTEL)_[A-Z_]+)"', Path(server_settings.__file__).read_text()))
    assert len(variables) > 20
    assert not sorted(variable for variable in variables if f"`{variable}`" not in told)


def test_every_reason_of_a_condition_has_a_remedy() -> None:
    assert not [reason for reason in runtime.FAILURES if f"`{reason}`" not in REMEDIES]
