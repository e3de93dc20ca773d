"""Metrics as Prometheus reads them, and every one of them declared."""

import re
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from modelserver.metrics import BUCKETS, METRICS, Metrics


def families(metrics: Metrics) -> dict[str, dict[tuple[str, ...], float]]:
    told: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(metrics.render().decode()):
        for sample in family.samples:
            labels = tuple(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            told.setdefault(sample.name, {})[labels] = sample.value
    return told


def test_counts_errors_and_times() -> None:
    metrics = Metrics()
    metrics.answered("/model/predict", 200, 0.0003)
    metrics.answered("/model/predict", 200, 100.0)
    metrics.answered("/model/predict", 400, BUCKETS[0])
    metrics.failed("InvalidTensor")
    told = families(metrics)
    assert told["modelserver_requests_total"] == {
        ("code=200", "path=/model/predict"): 2,
        ("code=400", "path=/model/predict"): 1,
    }
    assert told["modelserver_errors_total"] == {("kind=InvalidTensor",): 1}
    buckets = told["modelserver_request_duration_seconds_bucket"]
    assert buckets["le=0.0001", "path=/model/predict"] == 1
    assert buckets["le=0.0005", "path=/model/predict"] == 2
    assert buckets["le=10.0", "path=/model/predict"] == 2
    assert buckets["le=+Inf", "path=/model/predict"] == 3
    assert told["modelserver_request_duration_seconds_count"] == {("path=/model/predict",): 3}


def test_labels_are_escaped() -> None:
    metrics = Metrics()
    metrics.info = {"model": 'a"b\\c\nd'}
    assert families(metrics)["modelserver_model_info"] == {('model=a"b\\c\nd',): 1}


def test_the_process_is_told() -> None:
    told = families(Metrics())
    assert told["process_resident_memory_bytes"][()] > 1_000_000
    assert told["process_open_fds"][()] > 2


def test_every_metric_that_the_code_names_is_declared() -> None:
    source = Path(__file__).parents[2] / "runtime/modelserver"
    text = "".join(path.read_text() for path in source.rglob("*.py"))
    named = set(re.findall(r'"((?:modelserver|process)_[a-z_]+)"', text))
    assert named == set(METRICS)
