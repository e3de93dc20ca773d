"""From the operators' logs: how long it takes until every stable pod answers by a new share."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from e2e.cluster import Cluster
from e2e.cluster.commands import CommandFailed
from e2e.steps import SYSTEM

MESSAGE = "every stable pod has the new share"


@dataclass(frozen=True)
class Confirmation:
    """When a share was asked, and when every stable pod had it, by the wall clock."""

    asked: float
    confirmed: float

    @property
    def seconds(self) -> float:
        return self.confirmed - self.asked

    def beside(self, silences: Iterable[tuple[float, float]]) -> bool:
        """Whether some node heard nothing for a part of the time, or nobody led: what is for its pods waits then."""
        return any(self.asked <= end and begun <= self.confirmed for begun, end in silences)


class Confirmations:
    """Collects while the operators run: one that is killed takes its log along."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._cluster, self._namespace = cluster, namespace
        self._seen: set[tuple[str, str]] = set()
        self.found: list[Confirmation] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def end(self) -> list[Confirmation]:
        """All that were seen."""
        self._over.set()
        self._thread.join()
        self._look()
        return self.found

    def _run(self) -> None:
        while not self._over.wait(15.0):
            self._look()

    def _look(self) -> None:
        names = "jsonpath={.items[*].metadata.name}"
        with suppress(CommandFailed):
            for pod in self._cluster.kubectl("-n", SYSTEM, "get", "pods", "-o", names).split():
                for former in ((), ("--previous",)):
                    with suppress(CommandFailed):
                        self._read(self._cluster.kubectl("-n", SYSTEM, "logs", pod, "--since=60s", *former))

    def _read(self, log: str) -> None:
        for line in log.splitlines():
            if MESSAGE not in line:
                continue
            told = json.loads(line)
            if (
                told["namespace"] == self._namespace
                and (key := (told["time"], told["modeldeployment"])) not in self._seen
            ):
                self._seen.add(key)
                confirmed, seconds = datetime.fromisoformat(told["time"]).timestamp(), float(told["seconds"])
                self.found.append(Confirmation(confirmed - seconds, confirmed))
