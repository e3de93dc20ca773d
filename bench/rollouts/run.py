"""One ModelDeployment and its rollouts, one after the other, under load from clients that never retry."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass
from typing import Any

from bench.rollouts.outcomes import CHECKS, STEPS, Outcome
from e2e.load import Load, Report, probabilities
from e2e.steps import Namespace, model_deployment, wait_until

# A model's pods are replaced 10 s after their node was found lost, not after Kubernetes' 5 minutes.
LEAVE_LOST_NODES = [
    {"key": f"node.kubernetes.io/{taint}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 10}
    for taint in ("not-ready", "unreachable")
]
LIKE_FIRST = ("good", "good2", "slow", "erroring", "crashing")  # these answer as version 1 does, where they answer


@dataclass(frozen=True)
class Result:
    """How one rollout ended. ``wrong`` says what should have been otherwise."""

    outcome: Outcome
    seconds: float
    reason: str
    message: str
    wrong: str = ""


class Subject:
    """A ModelDeployment under load."""

    def __init__(self, namespace: Namespace, name: str, seed: int) -> None:
        self.namespace, self.name = namespace, name
        self.chance = random.Random(f"{seed} {name}")
        self.serial = 0
        self.results: list[Result] = []
        self.load = Load(namespace.cluster, namespace.name, f"load-{name}")

    def begin(self, rate: float, duration: float, node: str) -> None:
        """Version 1 serves, and the load begins, on ``node``."""
        self.apply("1", {})
        self.namespace.wait_serving("1", self.name)
        answers = {name: probabilities("1", 40) for name in LIKE_FIRST}
        url = f"http://{self.name}/v2/models/{self.name}/infer"
        self.load.start(url, duration=duration, rate=rate, keep_alive=3, new=3, answers=answers, node=node)

    def apply(self, model: str, rollout: dict[str, Any]) -> None:
        """Asks for a model. The serial makes each a new revision, also where the bytes are the same."""
        self.serial += 1
        how = {
            "strategy": "Canary",
            "steps": STEPS,
            "analysis": {"interval": "1s", "checks": CHECKS},
            "progressDeadline": "5m",  # several nodes may hang or be drained one after the other
        } | rollout
        source = {"uri": f"http://bad/{model}.onnx?{self.serial}"} if model != "1" else {}
        pod = {"env": [{"name": "SERIAL", "value": str(self.serial)}], "tolerations": LEAVE_LOST_NODES}
        scaling, serving = {"replicas": 2}, {"pod": pod}
        spec = model_deployment(self.name, model, scaling=scaling, rollout=how, model=source, serving=serving)
        self.namespace.apply(spec)

    def rollout(self, outcome: Outcome) -> Result:
        """One rollout, to its end."""
        begun = time.monotonic()
        self.apply(outcome.model, outcome.rollout)
        generation = self.namespace.get("md", self.name)["metadata"]["generation"]
        disturber = self._disturb(outcome)
        if outcome.at_weight >= 0:
            self._reach(outcome.at_weight)
            if outcome.then:
                outcome.then(self.namespace, self.name)
        if outcome.third:
            self.apply(outcome.third, {})
            generation += 1
        wrong = self._wait(generation)
        if disturber:
            disturber.join()
        stalled = self.namespace.condition("Stalled", self.name)
        reason, seconds = stalled.get("reason", ""), time.monotonic() - begun
        if not wrong and reason != outcome.reason:
            wrong = f"it ended with {reason or 'a promotion'}, not {outcome.reason or 'a promotion'}"
            wrong += f": {stalled['message']}" if stalled.get("message") else ""
        result = Result(outcome, seconds, reason, stalled.get("message", ""), wrong)
        self.results.append(result)
        return result

    def _disturb(self, outcome: Outcome) -> threading.Thread | None:
        if outcome.then is None or outcome.at_weight >= 0:
            return None
        delay, then = self.chance.uniform(0, 12), outcome.then

        def later() -> None:
            time.sleep(delay)
            then(self.namespace, self.name)

        thread = threading.Thread(target=later)
        thread.start()
        return thread

    def _reach(self, weight: int) -> None:
        def reached() -> bool:
            return bool(self.namespace.status(self.name).get("candidate", {}).get("weight", 0) >= weight)

        wait_until(reached, 90, lambda: f"{self.name} has {weight}%: {self.namespace.status(self.name)}", interval=0.1)

    def _wait(self, generation: int) -> str:
        """Until the rollout is over and what went is gone; what is wrong, if it does not end."""

        def over() -> bool:
            status = self.namespace.status(self.name)
            types = {c["type"] for c in status.get("conditions", []) if c["status"] == "True"}
            if status.get("observedGeneration", 0) < generation or "Reconciling" in types:
                return False
            selector = f"modelway.io/deployment={self.name}"
            return len(self.namespace.items("deployments", selector)) == 1

        try:
            wait_until(
                over, 420, lambda: f"{self.name} came to no end: {self.namespace.status(self.name)}", interval=0.5
            )
        except AssertionError as error:
            return str(error)
        return ""

    def end(self) -> Report:
        """The load's report."""
        return self.load.finish()
