"""Every metric, declared in one place and written by hand: one dict and one list access a request.

prometheus_client takes about 6 µs for the counter and the histogram of one request; these take well under one.
"""

import os
import time
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# Upper bounds in seconds. Fine where a tiny model answers, wide enough for a large one.
BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


@dataclass(frozen=True, slots=True)
class Metric:
    name: str
    kind: str
    help: str


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("modelserver_requests_total", "counter", "Answered requests by path and HTTP status code."),
        Metric("modelserver_errors_total", "counter", "Refused or failed requests by kind of error."),
        Metric(
            "modelserver_request_duration_seconds",
            "histogram",
            "From a request's last byte to its answer's first, by path; waiting for a worker thread included.",
        ),
        Metric("modelserver_batch_size", "histogram", "Rows of a run behind the queue, of one request or of several."),
        Metric("modelserver_queue_duration_seconds", "histogram", "How long requests waited for the model to be free."),
        Metric(
            "modelserver_traffic_generation", "gauge", "Generation of the traffic document in use; 0 before the first."
        ),
        Metric(
            "modelserver_traffic_documents_refused_total", "counter", "Traffic documents that could not be understood."
        ),
        Metric("modelserver_forwarded_total", "counter", "Requests sent on to the candidate, by outcome."),
        Metric("modelserver_forwarded_duration_seconds", "histogram", "How long the candidate took, the way included."),
        Metric("modelserver_shadowed_total", "counter", "Requests copied to the candidate, by outcome."),
        Metric("modelserver_requests_in_flight", "gauge", "Requests that wait for or run in worker threads."),
        Metric("modelserver_connections", "gauge", "Open connections."),
        Metric("modelserver_buffered_bytes", "gauge", "Bytes of unfinished requests held for all connections."),
        Metric("modelserver_unsent_bytes", "gauge", "Bytes of answers that clients are slow to read."),
        Metric("modelserver_ready", "gauge", "1 while /v2/health/ready answers 200."),
        Metric("modelserver_draining", "gauge", "1 after SIGTERM."),
        Metric("modelserver_model_info", "gauge", "Always 1; the labels tell what is served and how."),
        Metric("modelserver_model_load_seconds", "gauge", "Time to import ONNX Runtime and load the model."),
        Metric("modelserver_model_warmup_seconds", "gauge", "Time that the warm-up requests took."),
        Metric("modelserver_model_run_seconds", "gauge", "One bare run, undisturbed, as measured at start."),
        Metric("modelserver_spans_total", "counter", "Spans for the collector of traces, by what became of them."),
        Metric("modelserver_session_info", "gauge", "Always 1; the labels tell what ONNX Runtime was given."),
        Metric("modelserver_threads", "gauge", "Threads that ONNX Runtime may use for one run."),
        Metric("process_cpu_seconds_total", "counter", "User and system CPU time of this process."),
        Metric("process_resident_memory_bytes", "gauge", "Resident memory of this process."),
        Metric("process_open_fds", "gauge", "Open file descriptors."),
        Metric("process_start_time_seconds", "gauge", "Start of this process since the epoch."),
    )
}


class Histogram:
    """Counts by upper bound. One writer at a time; a reader may see a sample in the sum and not yet in the counts."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds, self.counts, self.sum = bounds, [0] * (len(bounds) + 1), 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value


class Metrics:
    """The counts of one server, written by the event loop's thread; the queue's, by whoever holds its lock."""

    def __init__(self) -> None:
        self.requests: dict[tuple[str, int], int] = {}
        self.errors: dict[str, int] = {}
        self.histograms: dict[str, Histogram] = {}
        self.batch_rows = Histogram(ROWS)
        self.queue_seconds = Histogram(BUCKETS)
        self.refused_documents = 0
        self.forwards: dict[str, int] = {}
        self.forward_seconds = Histogram(BUCKETS)
        self.shadows: dict[str, int] = {}
        self.gauges: dict[str, float] = {"modelserver_ready": 0, "modelserver_draining": 0}
        self.info: dict[str, str] = {}
        self.session_info: dict[str, str] = {}
        self.spans: dict[str, int] = {}
        self.started = time.time()

    def answered(self, path: str, status: int, seconds: float) -> None:
        """Count one answer; `path` is a label of the routes table."""
        key = (path, status)
        self.requests[key] = self.requests.get(key, 0) + 1
        histogram = self.histograms.get(path)
        if histogram is None:
            histogram = self.histograms[path] = Histogram(BUCKETS)
        histogram.observe(seconds)

    @property
    def total(self) -> int:
        """All answers so far."""
        return sum(self.requests.values())

    def failed(self, kind: str) -> None:
        """Count one error; `kind` is the name of its class."""
        self.errors[kind] = self.errors.get(kind, 0) + 1

    def forwarded(self, outcome: str, seconds: float | None = None) -> None:
        """Count one request sent on: "answered" within these seconds, or why not, which is one of counts.FAILURES."""
        self.forwards[outcome] = self.forwards.get(outcome, 0) + 1
        if seconds is not None:
            self.forward_seconds.observe(seconds)

    def shadowed(self, outcome: str) -> None:
        """Count one copy: "agreed", "disagreed", "failed" or "dropped"."""
        self.shadows[outcome] = self.shadows.get(outcome, 0) + 1

    def render(self) -> bytes:
        """The Prometheus text format."""
        samples: dict[str, list[str]] = {name: [] for name in METRICS}
        for (path, status), count in self.requests.items():
            samples["modelserver_requests_total"].append(_sample("", {"path": path, "code": str(status)}, count))
        for kind, count in self.errors.items():
            samples["modelserver_errors_total"].append(_sample("", {"kind": kind}, count))
        for name, outcomes in {
            "modelserver_forwarded_total": self.forwards,
            "modelserver_shadowed_total": self.shadows,
            "modelserver_spans_total": self.spans,
        }.items():
            samples[name] = [_sample("", {"outcome": outcome}, count) for outcome, count in outcomes.items()]
        if self.forwards:
            samples["modelserver_forwarded_duration_seconds"].extend(_histogram({}, self.forward_seconds))
        samples["modelserver_traffic_documents_refused_total"].append(_sample("", {}, self.refused_documents))
        for path, histogram in self.histograms.items():
            samples["modelserver_request_duration_seconds"].extend(_histogram({"path": path}, histogram))
        queued = {"modelserver_batch_size": self.batch_rows, "modelserver_queue_duration_seconds": self.queue_seconds}
        for name, queue in queued.items():
            samples[name].extend(_histogram({}, queue))
        if self.info:
            samples["modelserver_model_info"].append(_sample("", self.info, 1))
        if self.session_info:
            samples["modelserver_session_info"].append(_sample("", self.session_info, 1))
        for name, value in (self.gauges | _process(self.started)).items():
            samples[name].append(_sample("", {}, value))
        return "".join(_family(METRICS[name], lines) for name, lines in samples.items() if lines).encode()


def _histogram(labels: dict[str, str], histogram: Histogram) -> Iterable[str]:
    cumulative = 0
    for bound, count in zip((*map(str, histogram.bounds), "+Inf"), histogram.counts, strict=True):
        cumulative += count
        yield _sample("_bucket", labels | {"le": bound}, cumulative)
    yield _sample("_sum", labels, histogram.sum)
    yield _sample("_count", labels, cumulative)


def _family(metric: Metric, lines: Iterable[str]) -> str:
    body = "".join(f"{metric.name}{line}\n" for line in lines)
    return f"# HELP {metric.name} {metric.help}\n# TYPE {metric.name} {metric.kind}\n{body}"


def _sample(suffix: str, labels: dict[str, str], value: float) -> str:
    told = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items())
    return f"{suffix}{{{told}}} {value}" if told else f"{suffix} {value}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _process(started: float) -> dict[str, float]:
    """This process's figures, from times(2) and /proc."""
    times = os.times()
    figures = {"process_cpu_seconds_total": times.user + times.system, "process_start_time_seconds": started}
    statm, fds = Path("/proc/self/statm"), Path("/proc/self/fd")
    if statm.is_file():
        figures["process_resident_memory_bytes"] = int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        # Not by Path: with thousands of connections that takes five times as long.
        figures["process_open_fds"] = len(os.listdir(fds))  # noqa: PTH208
    return figures
