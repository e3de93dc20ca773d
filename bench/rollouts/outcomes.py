"""What may become of a rollout: a table of what is done, and how it must end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench.rollouts.faults import drain_a_node, kill_the_leader, silence_a_kubelet
from bench.rollouts.node_loss import lose_a_node
from e2e.steps import Namespace

STEPS: list[dict[str, Any]] = [
    {"shadow": {"percent": 100, "duration": "3s"}},
    {"setWeight": 25},
    {"pause": {"duration": "3s"}},
    {"setWeight": 50},
    {"pause": {"duration": "3s"}},
]
CHECKS: list[dict[str, Any]] = [
    {"metric": "errorRate", "max": 0.05},
    {"metric": "latencyP95", "maxRatioToStable": 4, "minSamples": 40},
    {"metric": "shadowAgreement", "min": 0.95, "minSamples": 40},
]
STRAIGHT = {"steps": STEPS[1:], "analysis": {"interval": "1s", "checks": CHECKS[:2]}}  # without a look before


@dataclass(frozen=True)
class Outcome:
    """A kind of rollout: the model that is asked for, what happens on the way, and the reason that it must end with
    ("" for a promotion). ``then`` is done at a random moment of the way, or at the given weight."""

    name: str
    model: str
    reason: str
    rollout: dict[str, Any]
    then: Callable[[Namespace, str], None] | None = None
    at_weight: int = -1
    third: str = ""  # a version that takes the candidate's place
    rare: bool = False  # as often as a fourth of the others: it takes a minute, and is everybody's fate


def abort(namespace: Namespace, name: str) -> None:
    """As ``kubectl modelway abort`` does."""
    target = namespace.status(name)["rollout"]["target"].rpartition("-")[2]
    namespace.kubectl("annotate", "--overwrite", f"md/{name}", f"modelway.io/action=abort@{target}")


OUTCOMES: tuple[Outcome, ...] = (
    Outcome("good", "good", "", {}),
    Outcome("slow", "slow", "RolledBack", STRAIGHT),
    Outcome("erroring", "erroring", "RolledBack", STRAIGHT),
    Outcome("wrong answers", "perturbed", "RolledBack", {}),
    Outcome("crash on load", "truncated", "ModelCorrupt", {"progressDeadline": "40s"}),
    Outcome("crash on some requests", "crashing", "RolledBack", STRAIGHT),
    Outcome("another signature", "wide", "SignatureChanged", {}),
    Outcome("aborted", "good", "Aborted", {}, abort, 25),
    Outcome("replaced by a third version", "slow", "", STRAIGHT, None, 25, "good"),
    Outcome("leader killed", "good", "", {}, lambda namespace, _: kill_the_leader(namespace)),
    Outcome("kubelet hangs", "good", "", {}, lambda namespace, _: silence_a_kubelet()),
    Outcome("node drained", "good", "", {}, lambda namespace, _: drain_a_node(namespace)),
    Outcome("node lost", "good", "", {}, lambda namespace, _: lose_a_node(namespace), rare=True),
)
