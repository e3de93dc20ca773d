"""Every finding of every run of `python -m tests.fuzz`, again; and some seconds of new ones, shrunk by Hypothesis."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz import findings, http_target, targets
from tests.fuzz.mutator import mutated
from tests.fuzz.seeds import REQUESTS, WORDS


@pytest.mark.parametrize("path", findings.kept(), ids=lambda path: path.stem)
def test_what_once_failed(path: Path) -> None:
    targets.TARGETS[findings.target_of(path)].run(path.read_bytes())


@pytest.mark.parametrize("name", targets.TARGETS)
def test_the_seeds(name: str) -> None:
    for seed in targets.TARGETS[name].seeds():
        targets.TARGETS[name].run(seed)


def test_the_seeds_are_what_clients_send() -> None:
    """Else all that follows would only knock at a closed door."""
    answered = [http_target.exchange(request, [len(request)], 0)[:15] for request in REQUESTS]
    assert answered.count(b"HTTP/1.1 200 OK") == len(answered) - 2


@pytest.mark.parametrize("name", targets.TARGETS)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(random=st.randoms(use_true_random=False))
def test_mutations(name: str, random: object) -> None:
    target = targets.TARGETS[name]
    target.run(mutated(random, target.seeds()))  # type: ignore[arg-type]


HEADERS = st.sampled_from(
    [
        b"Host: t",
        b"Content-Length: 3",
        b"Content-Length: 300",
        b"Transfer-Encoding: chunked",
        b"Connection: close",
        b"Expect: 100-continue",
        b"Upgrade: h2c",
        b"Inference-Header-Content-Length: 7",
        b"x-request-timeout-ms: 0",
        b"traceparent: 00-1",
        b" folded",
    ]
)
LINES = st.sampled_from(
    [b"POST /model/predict HTTP/1.1", b"GET /metrics HTTP/1.0", b"HEAD * HTTP/1.1", b"PUT x HTTP/9"]
)
BODIES = st.one_of(st.sampled_from([b"abc", b"3\r\nabc\r\n0\r\n\r\n", b"0\r\n\r\n", b""]), st.sampled_from(WORDS))


@st.composite
def conversations(draw: st.DrawFn) -> bytes:
    """Requests that are nearly right, one behind the other."""
    wire = draw(st.binary(min_size=2, max_size=2))
    for _ in range(draw(st.integers(1, 4))):
        if draw(st.booleans()):
            wire += draw(st.sampled_from(REQUESTS))
            continue
        lines = [draw(LINES), b"Host: t", *draw(st.lists(HEADERS, max_size=4))]
        wire += b"\r\n".join(lines) + b"\r\n\r\n" + draw(BODIES)
    return wire


@settings(max_examples=300, deadline=None)
@given(conversations())
def test_conversations(wire: bytes) -> None:
    http_target.run(wire)
