"""Copies after the reply: how far two models agree, told in numbers and a sentence."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from tests.runtime import models
from tests.runtime.processes import infer_body
from tests.runtime.traffic.fleet import STABLE, Client, Fleet, fleet, state, wait_until

ROOT = Path(__file__).parents[3]
DIGITS = ROOT / "examples/digits/1/model.onnx"
EXACT = {"percent": 100, "absoluteTolerance": 1e-4, "relativeTolerance": 1e-3}
REQUESTS = 100


def changed(model: bytes, by: float, seed: int = 0) -> bytes:
    """The same graph with noise on its weights, of this part of their own spread."""
    graph, noise = onnx.load_from_string(model), np.random.default_rng(seed)
    for weights in graph.graph.initializer:
        array = numpy_helper.to_array(weights)
        if array.dtype == np.float32 and array.size > 1:
            moved = array + noise.normal(0, by * max(float(array.std()), 1e-6), array.shape).astype(np.float32)
            weights.CopyFrom(numpy_helper.from_array(moved, weights.name))
    return bytes(graph.SerializeToString())


@contextmanager
def shadowed(folder: Path, stable: bytes, candidate: bytes, **shadow: float) -> Iterator[Fleet]:
    with fleet(folder, stable, candidate) as pair:
        pair.apply(weight=0, shadow={**EXACT, **shadow})
        yield pair


def compared(pair: Fleet, requests: int) -> Any:
    """The state's part when so many copies have come to an end."""

    def told() -> Any:
        return state(pair.stable)["shadow"]

    wait_until(lambda: told()["compared"] + told()["failed"] + told()["dropped"] >= requests, 30)
    return told()


def picture(seed: int) -> bytes:
    pixels = np.random.default_rng(seed).random(64).round(3).tolist()
    name = onnx.load(DIGITS).graph.input[0].name
    return infer_body(pixels).replace(b'"x"', f'"{name}"'.encode()).replace(b"[1, 4]", b"[1, 64]")


def ask(pair: Fleet, bodies: list[bytes]) -> None:
    client = Client(pair.stable)
    assert {client.revision(body=body) for body in bodies} == {STABLE}


def test_the_same_model_agrees_in_all(tmp_path: Path) -> None:
    model = DIGITS.read_bytes()
    with shadowed(tmp_path, model, model) as pair:
        ask(pair, [picture(seed) for seed in range(REQUESTS)])
        told = compared(pair, REQUESTS)
        assert (told["sent"], told["compared"], told["agreed"], told["failed"]) == (REQUESTS, REQUESTS, REQUESTS, 0)
        assert told["stableLatency"]["count"] == told["candidateLatency"]["count"] == REQUESTS
        for output in told["outputs"].values():
            assert (output["maxAbsolute"], output["sameClass"]) == (0.0, output["classes"])
            assert "example" not in output
        theirs = state(pair.candidate)
        assert theirs["own"]["requests"] == 0, "copies are nobody's requests"


def test_a_model_that_is_a_little_off_is_found_out_and_the_output_named(tmp_path: Path) -> None:
    model = DIGITS.read_bytes()
    with shadowed(tmp_path, model, changed(model, 0.3)) as pair:
        ask(pair, [picture(seed) for seed in range(REQUESTS)])
        told = compared(pair, REQUESTS)
        assert told["compared"] == REQUESTS
        assert told["agreed"] < REQUESTS / 2
        worst = max(told["outputs"].values(), key=lambda output: output["maxAbsolute"])
        assert worst["maxAbsolute"] > 0.01
        assert "from stable and" in worst["example"] and worst["example"].startswith("element [0, ")


def test_a_model_that_differs_within_the_tolerance_agrees(tmp_path: Path) -> None:
    model = DIGITS.read_bytes()
    with shadowed(tmp_path, model, changed(model, 1e-6)) as pair:
        ask(pair, [picture(seed) for seed in range(REQUESTS)])
        told = compared(pair, REQUESTS)
        assert told["agreed"] == told["compared"] == REQUESTS
        assert max(output["maxAbsolute"] for output in told["outputs"].values()) > 0


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v2/models/tiny/infer", infer_body([1, 2, 3, 4])),
        ("/model/predict", b'{"data": [[1, 2, 3, 4]]}'),
        ("/v1/models/tiny:predict", b'{"instances": [[1, 2, 3, 4]]}'),
    ],
)
def test_every_protocol_s_answers_are_compared(tmp_path: Path, path: str, body: bytes) -> None:
    with shadowed(tmp_path, models.linear(), changed(models.linear(), 0.5)) as pair:
        assert Client(pair.stable).revision(path=path, body=body) == STABLE
        told = compared(pair, 1)
        assert (told["compared"], told["agreed"]) == (1, 0)
        assert list(told["outputs"]) == ["y"]


def test_a_part_is_copied_and_what_names_a_version_or_fails_is_not(tmp_path: Path) -> None:
    with shadowed(tmp_path, models.linear(), models.linear(), percent=25) as pair:
        ask(pair, [infer_body([1, 2, 3, 4])] * 200)
        assert compared(pair, 50)["sent"] == 50
        pair.apply(weight=0, shadow=EXACT)
        client = Client(pair.stable)
        assert client.ask(body=b"{}")[0] == 400
        assert client.revision(path="/v2/models/tiny/versions/1/infer") == STABLE
        assert client.revision() == STABLE
        assert compared(pair, 1)["sent"] == 1


def test_a_candidate_that_is_gone_or_refuses_is_told(tmp_path: Path) -> None:
    with shadowed(tmp_path, models.linear(), models.two_in_two_out()) as pair:
        ask(pair, [infer_body([1, 2, 3, 4])] * 10)
        told = compared(pair, 10)
        assert (told["failed"], told["compared"]) == (10, 0)
        assert "The candidate answered 400" in told["failure"]
        pair.candidate.process.kill()
        ask(pair, [infer_body([1, 2, 3, 4])] * 10)
        told = compared(pair, 20)
        assert told["failed"] == 20


def test_more_copies_than_the_candidate_can_take_are_dropped_and_users_are_not(tmp_path: Path) -> None:
    with fleet(tmp_path, models.linear(), models.slow()) as pair:
        pair.apply(weight=0, shadow=EXACT)
        pair.candidate.process.send_signal(signal.SIGSTOP)  # it takes connections, and says nothing
        ask(pair, [infer_body([1, 2, 3, 4])] * 700)
        told = state(pair.stable)
        assert told["own"]["requests"] == 700 and told["own"]["errors"] == 0
        assert told["shadow"]["dropped"] >= 700 - 512 - 2 * 8
        pair.candidate.process.send_signal(signal.SIGCONT)
