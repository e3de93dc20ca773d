"""Clients that others wrote make every call they have: each is answered rightly, or refused as the client expects."""

from collections.abc import Iterator

import pytest

from tests.runtime.clients.programs import PROGRAMS, outcomes
from tests.runtime.clients.servers import Addresses, serving

# Each program has at least so many calls: one that stops early is found here.
LEAST = {
    "tritonclient http": 80,
    "tritonclient http.aio": 80,
    "tritonclient grpc": 65,
    "tritonclient grpc.aio": 65,
    "kserve REST v2": 45,
    "kserve REST v1": 8,
    "kserve gRPC": 45,
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Addresses]:
    with serving(tmp_path_factory.mktemp("served")) as addresses:
        yield addresses


@pytest.mark.timeout(900)  # KServe's environment is installed at first use
@pytest.mark.parametrize("name", PROGRAMS)
def test_every_call_comes_to_what_is_expected(served: Addresses, name: str) -> None:
    told = outcomes(name, served)
    assert [one for one in told if not one.expected] == []
    assert len(told) >= LEAST[name]
