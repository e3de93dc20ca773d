"""Generated specs: strategies, steps, checks, scaling, and models that are good or bad in each of the known ways."""

from __future__ import annotations

from random import Random
from typing import Any

GOOD = tuple(f"http://models/{name}.onnx" for name in ("1", "2", "3"))
BAD = ("erroring", "slow", "wrong", "wide", "inaccurate", "broken", "crashing", "homeless")
CPU = {"resources": {"requests": {"cpu": "100m"}}}  # what an autoscaler on CPU needs
DURATIONS = ("1s", "10s", "1m")
FULL = 100


def uri(chance: Random) -> str:
    """A model's address, which says what the model does."""
    return chance.choice(GOOD) if chance.random() < 0.6 else f"http://models/{chance.choice(BAD)}.onnx"


def scaling(chance: Random) -> dict[str, Any]:
    """So many pods, or as many as an autoscaler wants."""
    if chance.random() < 0.7:
        return {"replicas": chance.choice((1, 1, 2, 2, 3, 4, 0) if chance.random() < 0.2 else (1, 2, 3))}
    least = chance.choice((1, 2))
    return {"min": least, "max": least + chance.choice((0, 2))}


def steps(chance: Random) -> list[dict[str, Any]]:
    """A canary's steps, without those that the schema refuses: a ratio to stable where only one of both answers."""
    found: list[dict[str, Any]] = []
    weight = 0
    for _ in range(chance.choice((1, 2, 2, 3, 4))):
        kind = chance.choice(("shadow", "weight", "weight", "pause", "pause", "analysis", "scale"))
        duration = chance.choice(DURATIONS)
        if kind == "shadow":
            found.append({"shadow": {"percent": chance.choice((10, 100)), "duration": duration}})
        elif kind == "weight":
            weight = chance.choice((0, 1, 10, 25, 50, 75, 100))
            found.append({"setWeight": weight})
        elif kind == "pause":
            found.append({"pause": {"duration": duration} if chance.random() < 0.8 else {}})
        elif kind == "analysis":
            check = {"metric": "latencyP95", "maxRatioToStable": 1.5}
            found += [{"analysis": {"duration": duration, "checks": [check]}}] * (0 < weight < FULL)
        elif chance.random() < 0.3:
            found.append({"setCanaryScale": chance.choice(({"replicas": 2}, {"weight": 50}))})
    return found or [{"setWeight": 50}, {"pause": {"duration": "10s"}}]


def rollout(chance: Random) -> dict[str, Any]:
    """How a new version takes over."""
    found: dict[str, Any] = {"strategy": chance.choice(("RollingUpdate", "Canary", "Canary", "Canary", "BlueGreen"))}
    if found["strategy"] == "Canary":
        found["steps"] = steps(chance)
        checks = [{"metric": "errorRate", "max": 0.01, "failureLimit": chance.choice((0, 0, 1))}]
        if any("shadow" in step for step in found["steps"]):
            checks.append({"metric": "shadowAgreement", "min": 0.9, "minSamples": 100})
        found["analysis"] = {"interval": "10s", "checks": checks}
        if chance.random() < 0.2:
            found["onFailure"] = "Pause"
    if found["strategy"] == "BlueGreen" and chance.random() < 0.7:
        found["blueGreen"] = {
            "autoPromoteAfter": chance.choice(DURATIONS),
            "scaleDownDelay": chance.choice(("5s", "30s")),
        }
    if chance.random() < 0.2:
        found["gates"] = {"signature": "Ignore"}
    elif chance.random() < 0.2:
        found["gates"] = {"golden": {"configMap": "golden"}}
    if chance.random() < 0.5:
        found["progressDeadline"] = chance.choice(("30s", "2m"))
    if chance.random() < 0.05:
        found["paused"] = True
    if chance.random() < 0.2:
        found["historyLimit"] = chance.choice((0, 1))
    return found


def spec(chance: Random) -> dict[str, Any]:
    """A whole spec."""
    return {"model": {"uri": uri(chance)}, "serving": CPU, "scaling": scaling(chance), "rollout": rollout(chance)}


def plain(spec: dict[str, Any]) -> str:
    """A spec in a few words."""
    rollout = dict(spec["rollout"])
    told = [spec["model"]["uri"].rpartition("/")[2].removesuffix(".onnx"), _scaling(spec["scaling"])]
    told.append(str(rollout.pop("strategy")))
    told += [f"{key}={_short(value)}" for key, value in rollout.items() if key != "analysis"]
    if traffic := spec.get("traffic"):
        told.append(f"behind {_short(traffic)}{' with gRPC' if 'grpc' in spec['serving'] else ''}")
    return ", ".join(told)


def _scaling(scaling: dict[str, Any]) -> str:
    return f"{scaling['replicas']} pods" if "replicas" in scaling else f"{scaling['min']} to {scaling['max']} pods"


def _short(value: Any) -> str:
    return str(value).replace("'", "").replace("{", "").replace("}", "")
