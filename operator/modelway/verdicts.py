"""What the checks found, as metrics. They are read from the statuses that the store holds whenever somebody scrapes: no
second bookkeeping, nothing to remember, and the same numbers as in ``status.rollout.evidence``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from modelway.cluster.records import unpack_resource
from modelway.cluster.store import Store

_LABELS: Final = ("namespace", "modeldeployment", "check")
# (family, what it says, the key of an evidence; the verdict itself is a label).
_FAMILIES: Final = (
    ("modelway_check_value", "The candidate's value when the check's verdict changed last.", "value"),
    ("modelway_check_stable_value", "The stable revision's value at the same time.", "stableValue"),
    ("modelway_check_samples", "On how many requests or compared answers the verdict rests.", "samples"),
)
_VERDICT: Final = ("modelway_check_verdict", "1 for what the check found: Passed, Failed or Inconclusive.")
NAMES: Final = (*(name for name, _, _ in _FAMILIES), _VERDICT[0])


class Verdicts(Collector):
    """Of the latest rollout of each ModelDeployment; from the replica that leads alone, or sums would be doubled."""

    def __init__(self, store: Store, leading: Callable[[], bool]) -> None:
        self._store = store
        self._leading = leading

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Called by the registry for each scrape."""
        families = {key: GaugeMetricFamily(name, text, labels=_LABELS) for name, text, key in _FAMILIES}
        verdict = GaugeMetricFamily(*_VERDICT, labels=(*_LABELS, "state"))
        for labels, found in self._found():
            verdict.add_metric((*labels, str(found.get("state", ""))), 1.0)
            for key, family in families.items():
                if isinstance(number := found.get(key), int | float):
                    family.add_metric(labels, float(number))
        yield from families.values()
        yield verdict

    def _found(self) -> Iterator[tuple[tuple[str, str, str], dict[str, object]]]:
        for key in self._store.keys() if self._leading() else ():
            record = self._store.resource(key)
            if record is None or b'"evidence"' not in record.body:  # most have none, and need not be unpacked
                continue
            rollout = unpack_resource(key, record).status.get("rollout") or {}
            for found in rollout.get("evidence") or ():
                yield (*key, str(found.get("check", ""))), found
