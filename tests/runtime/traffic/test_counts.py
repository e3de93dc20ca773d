"""What a pod counts, and how it tells it."""

import pytest

from modelserver.traffic.compare import Difference
from modelserver.traffic.counts import BOUNDS, MOST_OUTPUTS, Latencies, Own, Shadowed


@pytest.mark.parametrize(
    ("seconds", "bucket"),
    [(0.0, 0), (50e-6, 0), (51e-6, 1), (BOUNDS[17], 17), (BOUNDS[17] * 1.0001, 18), (BOUNDS[149], 149), (1e3, 150)],
)
def test_buckets_are_open_below_and_closed_above(seconds: float, bucket: int) -> None:
    latencies = Latencies()
    latencies.observe(seconds)
    assert latencies.told() == {"count": 1, "sum": seconds, "buckets": {str(bucket): 1}}


def test_bounds_are_the_contract_s() -> None:
    assert len(BOUNDS) == 150
    assert BOUNDS[0] == 50e-6
    assert BOUNDS[20] == pytest.approx(50e-6 * 1.1**20)


def test_quantiles_are_within_a_tenth() -> None:
    latencies = Latencies()
    for milliseconds in range(1, 1001):
        latencies.observe(milliseconds / 1000)
    for part in (0.5, 0.9, 0.99, 1.0):
        assert part <= (latencies.quantile(part) or 0) <= part * 1.1
    assert Latencies().quantile(0.5) is None


def test_whose_fault_a_status_is() -> None:
    own = Own()
    for status in (200, 400, 500, 503):
        own.add(status, 0.001, draining=False)
    for status in (404, 500, 503):
        own.add(status, 0.001, draining=True)
    for given in (0.002, 2.0, None):
        own.add(504, 0.001, draining=False, given=given)
    assert (own.requests, own.errors, own.rejected) == (10, 5, 2)


def test_the_worst_example_is_kept_and_outputs_are_bounded() -> None:
    shadow = Shadowed()
    assert shadow.add({"y": Difference(True), "z": Difference(True)}, 0.1, 0.2)
    assert not shadow.add({"y": Difference(False, "bad", 1.0), "z": Difference(True)}, 0.1, 0.2)
    assert not shadow.add({"y": Difference(False, "worse", 2.0)}, 0.1, 0.2)
    assert not shadow.add({"y": Difference(False, "not so bad", 0.5)}, 0.1, 0.2)
    told = shadow.told()
    assert (told["compared"], told["agreed"]) == (4, 1)
    assert (told["outputs"]["y"]["compared"], told["outputs"]["y"]["agreed"]) == (4, 1)
    assert told["outputs"]["y"]["example"] == "worse"
    assert "example" not in told["outputs"]["z"]
    shadow.add({str(number): Difference(True) for number in range(1000)}, 0.1, 0.2)
    assert len(shadow.outputs) == MOST_OUTPUTS
