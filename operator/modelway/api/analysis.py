"""``spec.rollout.analysis`` and ``gates``: how a new version must prove itself."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from .field import CEL, Duration, Matches, Object, Schema, quoted, rule, rules, seconds, text
from .serving import DNS_NAME

OUTPUT_METRICS: Final = ("shadowAgreement", "classAgreement", "distributionShift")  # also of one output
SHARES: Final = ("errorRate", "rejectedRate", *OUTPUT_METRICS)  # parts of 1
SHADOW_METRICS: Final = frozenset({*OUTPUT_METRICS, "shadowLatencyRatio"})
RATIO_METRICS: Final = ("errorRate", "rejectedRate", "latencyP50", "latencyP95", "latencyP99")
LATENCY_METRICS: Final = frozenset({"latencyP50", "latencyP95", "latencyP99"})
METRICS: Final = (*RATIO_METRICS, "requests", *OUTPUT_METRICS, "shadowLatencyRatio")

Metric = Annotated[
    str,
    text(128),
    Matches(
        rf"^(errorRate|rejectedRate|latencyP(50|95|99)|requests|shadowLatencyRatio|({'|'.join(OUTPUT_METRICS)})(\..+)?)$",
        f"metric must be one of {', '.join(METRICS)}; {', '.join(OUTPUT_METRICS)} also with .OUTPUT behind it",
    ),
]


SHADOWED: Final = "has(c.metric) && c.metric.matches('^(shadow|class|distribution)')"  # CEL: the same of check c


def of_shadows(metric: str | None) -> bool:
    """Whether a metric is measured in shadow steps only; ``shadowAgreement.probabilities`` is one, too."""
    return metric is not None and metric.partition(".")[0] in SHADOW_METRICS


def bounded(lowest: str, highest: str, name: str) -> Schema:
    """CEL: a duration within bounds; ``name`` is what the sentence calls it."""
    expression = (
        f"self.matches('^([0-9]{{1,5}}[smh]){{1,3}}$') && duration(self) >= duration('{lowest}')"
        f" && duration(self) <= duration('{highest}')"
    )
    sentence = f"{name} must be a duration from {lowest} to {highest}, such as 30s, 10m or 1h30m"
    return Schema({CEL: [rule(expression, sentence)]})


class Prometheus(Object):
    """A query to a Prometheus server, whose answer is one number."""

    address: Annotated[
        str, text(512), Matches(r"^https?://[^/@\s]+(/\S*)?$", "address must be http://host or https://host")
    ] = Field(description="The server's address, such as http://prometheus.monitoring.svc:9090.")
    query: Annotated[str, text(2048)] = Field(
        description="PromQL whose answer is one number: a scalar, or a vector with one element. In it $candidate and"
        " $stable become the revisions' hashes, as in the pods' label modelway.io/revision."
    )


class Check(Object):
    """One condition on what is measured."""

    model_config = rules(
        rule("has(self.metric) != has(self.prometheus)", "a check needs either metric or prometheus"),
        rule(
            "has(self.min) || has(self.max) || has(self.maxRatioToStable)",
            "a check needs a limit: min, max or maxRatioToStable",
        ),
        rule(
            "!has(self.maxRatioToStable) || (has(self.metric)"
            f" && self.metric in [{', '.join(map(quoted, RATIO_METRICS))}])",
            "maxRatioToStable needs a metric that both revisions have: errorRate, rejectedRate, latencyP50, latencyP95"
            " or latencyP99",
        ),
        rule(
            f"!has(self.metric) || !self.metric.matches('^({'|'.join(SHARES)})')"
            " || ((!has(self.max) || (self.max >= 0.0 && self.max < 1.0))"
            " && (!has(self.min) || (self.min > 0.0 && self.min <= 1.0)))",
            f"{', '.join(SHARES)} are parts of 1: a max is from 0 to below 1, a min above 0 and at most 1;"
            " write 0.02 for 2%",
        ),
        rule(
            "!has(self.min) || !has(self.metric) || !self.metric.startsWith('distributionShift')",
            "distributionShift takes a max and no min",
        ),
        rule(
            "!has(self.maxRatioToStable) || !has(self.metric) || !self.metric.startsWith('latency')"
            " || self.maxRatioToStable >= 1.1",
            "maxRatioToStable of a latency must be at least 1.1: latencies are measured to 10%",
        ),
        rule(
            "!has(self.minSamples) || self.minSamples == 0 || (has(self.metric) && self.metric != 'requests')",
            "minSamples counts requests: a query has to see to enough by itself, and requests takes a min; remove it",
        ),
    )

    metric: Metric | None = Field(
        default=None,
        description="What the pods measure. With a weight: errorRate (copies without an answer count, too) and"
        " rejectedRate, shares of the requests; latencyP50, latencyP95, latencyP99, seconds; requests, a count. In"
        " shadow steps, of the compared answers: shadowAgreement and classAgreement, shares; distributionShift, 0 to 1;"
        " shadowLatencyRatio. OUTPUT: of that output alone.",
    )
    prometheus: Prometheus | None = Field(default=None, description="A query to a Prometheus server instead.")
    min: float | None = Field(default=None, description="The value must not be below this.")
    max: float | None = Field(default=None, description="The value must not be above this.")
    max_ratio_to_stable: Annotated[float, Field(ge=0.01)] | None = Field(
        default=None,
        description="The candidate's value must not be above this many times that of the stable revision in the same"
        " time.",
    )
    min_samples: Annotated[int, Field(ge=0, le=100_000_000)] = Field(
        default=0,
        description="How many requests (or compared answers) the verdict needs. With fewer it is inconclusive, and a"
        " step that would otherwise be over waits for them, at most for progressDeadline.",
    )
    failure_limit: Annotated[int, Field(ge=0, le=1000)] = Field(
        default=0, description="How many failed measurements are borne; one more fails the rollout."
    )
    consecutive_error_limit: Annotated[int, Field(ge=0, le=1000)] = Field(
        default=4,
        description="How many times in a row Prometheus may fail to answer with a number; one more fails the rollout.",
    )
    dry_run: bool = Field(default=False, description="The verdict is told, and has no effect.")


Checks = Annotated[tuple[Check, ...], Schema({"maxItems": 16, "x-kubernetes-list-type": "atomic"})]


class Analysis(Object):
    """What is watched while the candidate has traffic or shadows."""

    interval: Annotated[Duration, bounded("1s", "1h", "interval")] = Field(
        default="10s", description="How often the checks are evaluated. Such as 10s or 1m."
    )
    checks: Checks = Field(
        default=(),
        description="The conditions. Each one that fails ends the rollout as onFailure says. Without any, a Canary"
        " checks that at most 5% of the candidate's requests fail and, with traffic.gateway, that it rejects at most 5%"
        " (rejectedRate).",
    )

    @property
    def interval_seconds(self) -> float:
        """``interval`` in seconds."""
        return seconds(self.interval)


class Golden(Object):
    """Requests with known answers, sent to the candidate before it gets traffic."""

    config_map: Annotated[
        str, text(253), Matches(DNS_NAME, "configMap must be the name of a ConfigMap: small letters, digits, '-'")
    ] = Field(
        description="A ConfigMap of this namespace. Each key NAME.json holds an Open Inference Protocol request, and"
        " may hold the expected outputs; without them the stable revision's answer is expected."
    )
    absolute_tolerance: Annotated[float, Field(ge=0)] = Field(
        default=1e-4, description="Numbers may differ by this much, plus relativeTolerance times the expected number."
    )
    relative_tolerance: Annotated[float, Field(ge=0)] = Field(
        default=1e-3, description="Numbers may differ by this part of the expected number, plus absoluteTolerance."
    )


class Gates(Object):
    """What a new version must pass before it meets traffic."""

    signature: Literal["Compatible", "Ignore"] = Field(
        default="Compatible",
        description="Compatible: a candidate that would refuse today's requests, or whose outputs today's readers"
        " could not read, is given up before it meets traffic. Ignore: inputs and outputs may change.",
    )
    golden: Golden | None = Field(default=None, description="Requests with known answers.")
