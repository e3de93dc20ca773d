"""Every metric of the operator, declared in one place; controller-runtime's names where the thing is the same."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, PlatformCollector, ProcessCollector

REGISTRY: Final = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)

_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


def _counter(name: str, text: str, *labels: str) -> Counter:
    return Counter(name, text, labels, registry=REGISTRY)


def _gauge(name: str, text: str, *labels: str) -> Gauge:
    return Gauge(name, text, labels, registry=REGISTRY)


def _histogram(name: str, text: str, *labels: str) -> Histogram:
    return Histogram(name, text, labels, registry=REGISTRY, buckets=_SECONDS)


# controller-runtime's and client-go's names, so that the dashboards that people have work.
RECONCILES: Final = _counter("controller_runtime_reconcile_total", "Reconciliations by result.", "controller", "result")
RECONCILE_ERRORS: Final = _counter("controller_runtime_reconcile_errors_total", "Failed reconciliations.", "controller")
RECONCILE_SECONDS: Final = _histogram(
    "controller_runtime_reconcile_time_seconds", "Length of a reconciliation.", "controller"
)
WORKERS: Final = _gauge("controller_runtime_max_concurrent_reconciles", "Workers.", "controller")
ACTIVE_WORKERS: Final = _gauge("controller_runtime_active_workers", "Workers that are busy.", "controller")
QUEUE_DEPTH: Final = _gauge("workqueue_depth", "Keys that wait for a worker.", "name")
QUEUE_ADDS: Final = _counter("workqueue_adds_total", "Keys put on the queue.", "name")
QUEUE_RETRIES: Final = _counter("workqueue_retries_total", "Keys put back after a failure.", "name")
QUEUE_SECONDS: Final = _histogram("workqueue_queue_duration_seconds", "How long a key waited for a worker.", "name")
LEADER: Final = _gauge("leader_election_master_status", "1 while this replica leads.", "name")
REQUESTS: Final = _counter("rest_client_requests_total", "Requests to the API server.", "code", "method")

# Ours.
WRITES: Final = _counter("modelway_writes_total", "Writes by kind, verb and outcome.", "kind", "verb", "outcome")
EVENTS: Final = _counter("modelway_events_total", "Kubernetes Events by what became of them.", "outcome")
STORE_OBJECTS: Final = _gauge("modelway_store_objects", "Objects in the store.", "kind")
STORE_COMPLETE: Final = _gauge("modelway_store_complete", "1 once the store holds all that existed at start.")
WATCH_EVENTS: Final = _counter("modelway_watch_events_total", "Watch events by kind and use.", "kind", "use")
CONFIRMATIONS: Final = _histogram(
    "modelway_share_confirmation_seconds", "From asking for a share of the traffic until every stable pod has it."
)
OUTCOMES: Final = _counter("modelway_rollouts_total", "Rollouts by how they ended: Promoted, or why not.", "outcome")
LEFT_TO_OTHERS: Final = _gauge("modelway_left_to_others", "ModelDeployments that another installation looks after.")
INTERNAL_ERRORS: Final = _counter("modelway_internal_errors_total", "Decisions that raised: bugs. Report them.")

CONTROLLER: Final = "modeldeployment"
