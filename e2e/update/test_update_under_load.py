"""Version 1 → 2 → 1, again and again, under clients that never retry: no request may fail, no answer may be mixed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import pytest

from e2e.load import Load
from e2e.steps import Namespace, model_deployment, wait_until

UPDATES = int(os.environ.get("UPDATES", "20"))
RATE = 300


@pytest.mark.timeout(900)
def test_twenty_updates_without_a_failed_request(namespace: Namespace, say: Callable[[str], None]) -> None:
    namespace.apply(model_deployment(version="1", scaling={"replicas": 2}))
    namespace.wait_serving("1")
    load = Load(namespace.cluster, namespace.name).start(
        "http://digits/v2/models/digits/infer", duration=850, rate=RATE, keep_alive=12, new=12
    )
    took = []
    for update in range(UPDATES):
        version = "2" if update % 2 == 0 else "1"
        begun = time.monotonic()
        namespace.apply(model_deployment(version=version, scaling={"replicas": 2}))
        namespace.wait_serving(version)
        took.append(time.monotonic() - begun)
        # The former revision drains and goes; else the next update would find it still there and ready.
        wait_until(lambda: len(namespace.items("deployments")) == 1, 60, lambda: "the former revision is gone")
    report = load.finish()

    say(f"{UPDATES} updates, {sorted(took)[len(took) // 2]:.1f} s each (median); {report.sentence()}")
    assert report.failed == 0, report.document["failures"]
    assert set(report.by_version) == {"1", "2"}
    assert len(report.document["switches"]) >= UPDATES
    assert report.sent >= 1000 * UPDATES
