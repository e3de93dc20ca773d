"""The resource's rules about several fields at once, without an API server.

They are CEL inside the CRD, which the API server evaluates. Offline the same sentences are found by these predicates; a
test holds that every rule of the schema is either here, or a pattern that the pydantic models know.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Any, Final

from modelway.api.analysis import LATENCY_METRICS, SHARES, of_shadows
from modelway.api.crd import custom_resource_definition
from modelway.api.field import CEL, amount, seconds

Path = tuple[str | int, ...]
_Holds = Callable[[Mapping[str, Any]], bool]


def _implies(field: str, other: _Holds) -> _Holds:
    return lambda self: field not in self or other(self)


def _strategy(name: str) -> _Holds:
    return lambda self: self.get("strategy", "RollingUpdate") == name


def _one_of(*fields: str) -> _Holds:
    return lambda self: sum(field in self for field in fields) == 1


def _within_limit(resource: str) -> _Holds:
    def holds(self: Mapping[str, Any]) -> bool:
        requested = (self.get("requests") or {}).get(resource)
        limit = (self.get("limits") or {}).get(resource)
        return requested is None or limit is None or amount(requested) <= amount(limit)

    return holds


def _shadow_steps(self: Mapping[str, Any]) -> bool:
    checks = (self.get("analysis") or {}).get("checks") or ()
    compared = any(of_shadows(check.get("metric")) for check in checks)
    return not compared or "steps" not in self or any("shadow" in step for step in self["steps"])


def _of_shares(checks: Iterable[Mapping[str, Any]], steps: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The checks that only a share of the requests feeds."""
    copied = any("shadow" in step for step in steps)
    metrics = [check for check in checks if "metric" in check and not of_shadows(check["metric"])]
    return [check for check in metrics if check["metric"] != "errorRate" or not copied]


def _shared(self: Mapping[str, Any]) -> bool:
    steps = self.get("steps")
    if steps is None or any(step.get("setWeight", 0) > 0 for step in steps):
        return True
    own = [check for step in steps for check in (step.get("analysis") or {}).get("checks") or ()]
    alone = _of_shares((self.get("analysis") or {}).get("checks") or (), steps)
    return not alone and not any("metric" in check for check in own)


def _split(self: Mapping[str, Any]) -> bool:
    steps = self.get("steps")
    if steps is None or any(0 < step.get("setWeight", 0) < 100 for step in steps):
        return True
    alone = _of_shares((self.get("analysis") or {}).get("checks") or (), steps)
    return not any("maxRatioToStable" in check for check in alone)


def _grpc_answers(self: Mapping[str, Any]) -> bool:
    gateway = (self.get("traffic") or {}).get("gateway") or {}
    return "grpcHostnames" not in gateway or bool((self.get("serving") or {}).get("grpc"))


def _cpu_requested(self: Mapping[str, Any]) -> bool:
    resources = (self.get("serving") or {}).get("resources") or {}
    return "max" not in (self.get("scaling") or {}) or "cpu" in (resources.get("requests") or {})


def _directed_to_a_canary(self: Mapping[str, Any]) -> bool:
    traffic = self.get("traffic") or {}
    return not ({"headers", "sticky"} & set(traffic)) or _strategy("Canary")(self.get("rollout") or {})


def _between_0_and_1(self: Mapping[str, Any]) -> bool:
    """A limit on a share that some share may break, and some other one keep."""
    if not str(self.get("metric", "")).startswith(SHARES):
        return True
    return bool(0 <= self.get("max", 0) < 1 and 0 < self.get("min", 1) <= 1)


_RATIOS: Final = frozenset({"errorRate", "rejectedRate", "latencyP50", "latencyP95", "latencyP99"})
_KINDS: Final = ("setWeight", "pause", "shadow", "setCanaryScale", "analysis")
_SCALES: Final = ("replicas", "weight", "matchTrafficWeight")

# By how the rule's sentence begins.
RULES: Final[Mapping[str, _Holds]] = {
    "steps belong to strategy Canary": _implies("steps", _strategy("Canary")),
    "blueGreen belongs to strategy BlueGreen": _implies("blueGreen", _strategy("BlueGreen")),
    "analysis belongs to strategy Canary": _implies("analysis", _strategy("Canary")),
    "the metrics ": _shadow_steps,
    "a step is exactly one of": _one_of(*_KINDS),
    "setCanaryScale needs one of": _one_of(*_SCALES),
    "matchTrafficWeight can only be true": _implies("matchTrafficWeight", lambda self: self["matchTrafficWeight"]),
    "a check needs either": _one_of("metric", "prometheus"),
    "a check needs a limit": lambda self: bool({"min", "max", "maxRatioToStable"} & set(self)),
    "maxRatioToStable needs a metric": _implies("maxRatioToStable", lambda self: self.get("metric") in _RATIOS),
    "maxRatioToStable of a latency": lambda self: (
        self.get("metric") not in LATENCY_METRICS or self.get("maxRatioToStable", 1.1) >= 1.1
    ),
    "errorRate, rejectedRate": _between_0_and_1,
    "distributionShift takes a max": lambda self: (
        "min" not in self or not str(self.get("metric", "")).startswith("distributionShift")
    ),
    "in an analysis step nothing is copied": lambda self: (
        not any(of_shadows(check.get("metric")) for check in self.get("checks") or ())
    ),
    "minSamples counts requests": lambda self: (
        not self.get("minSamples", 0) or self.get("metric", "requests") != "requests"
    ),
    "checks of metrics need": _shared,
    "maxRatioToStable needs requests": _split,
    "onFailure: Pause is about": lambda self: self.get("onFailure") != "Pause" or not _strategy("RollingUpdate")(self),
    "traffic.gateway.grpcHostnames": _grpc_answers,
    "autoscaling on CPU needs": _cpu_requested,
    "traffic.headers and traffic.sticky": _directed_to_a_canary,
    "traffic.sticky can't be kept": lambda self: not {"gateway", "sticky"} <= set(self),
    "set either replicas, or min and max": _implies("max", lambda self: self.get("replicas", 1) == 1),
    "min, metric and target belong": lambda self: "max" in self or not {"min", "metric", "target"} & set(self),
    "min must not be greater than max": lambda self: self.get("min", 1) <= self.get("max", self.get("min", 1)),
    "mode Off has no maxSize": lambda self: self.get("mode") != "Off" or self.get("maxSize", 32) == 32,
    "requests.cpu must not": _within_limit("cpu"),
    "requests.memory must not": _within_limit("memory"),
    "requests.ephemeral-storage must not": _within_limit("ephemeral-storage"),
    "a toleration with operator Exists": lambda self: self.get("operator") != "Exists" or "value" not in self,
    "tolerationSeconds needs effect NoExecute": _implies(
        "tolerationSeconds", lambda self: self.get("effect") == "NoExecute"
    ),
    "metadata.name must have at most": lambda self: len(str((self.get("metadata") or {}).get("name", ""))) <= 40,
    "metadata.name must be small letters": lambda self: bool(
        re.search(r"^[a-z]([-a-z0-9]*[a-z0-9])?$", str((self.get("metadata") or {}).get("name", "")))
    ),
}
_BOUNDS: Final = re.compile(r"duration\('(\w+)'\)")


@cache
def schema() -> dict[str, Any]:
    """The structural schema of a ModelDeployment."""
    version = custom_resource_definition()["spec"]["versions"][0]
    return dict(version["schema"]["openAPIV3Schema"])


def broken(content: Any) -> Iterator[tuple[Path, str]]:
    """(path, sentence) of each rule that the document breaks. What has the wrong type is the models' business."""
    return _walk(schema(), content, ())


def _walk(node: Mapping[str, Any], value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    for rule in node.get(CEL, ()):
        if not _holds(rule, value):
            yield path, rule["message"]
    if isinstance(value, Mapping):
        inside = node.get("properties") or {}
        for key, below in value.items():
            if key in inside:
                yield from _walk(inside[key], below, (*path, key))
    elif isinstance(value, list) and "items" in node:
        for place, item in enumerate(value):
            yield from _walk(node["items"], item, (*path, place))


def _holds(rule: Mapping[str, str], value: Any) -> bool:
    bounds = _BOUNDS.findall(rule["rule"])
    try:
        if len(bounds) == 2 and isinstance(value, str):
            return seconds(bounds[0]) <= seconds(value) <= seconds(bounds[1])
        if isinstance(value, Mapping):
            predicate = next((each for start, each in RULES.items() if rule["message"].startswith(start)), None)
            return predicate is None or bool(predicate(value))
    except (TypeError, ValueError, AttributeError):
        return True  # a wrong type inside, of which the models tell
    return True
