"""The queue: every caller gets the own answer, whatever the neighbours do."""

import random
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import pytest

from modelserver.errors import DeadlineExceeded, InternalError, ModelRejectedInput, NotReady, Overloaded, RequestError
from modelserver.execution.batcher import Batcher, Limits
from modelserver.execution.choice import Mode, choose
from modelserver.execution.execution import Execution
from modelserver.execution.proof import Proof, prove
from modelserver.inference import Answer, Array, Inference, Outputs
from modelserver.metrics import ROWS, Histogram
from modelserver.session import Session, load
from modelserver.tensors import DATATYPES, TensorSpec
from modelserver.threads import Cpus
from modelserver.warmup import synthetic
from tests.runtime import models

ANSWERS = 5000  # a soak: 100,000
Y = TensorSpec("y", DATATYPES["FP32"], (-1, 2))
POISON = -1.0


def session(tmp_path: Path, content: bytes) -> Session:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    return load(path, Cpus(1.0, 1), None)


def request(*rows: float) -> Inference:
    def encode(outputs: Outputs) -> Answer:
        return Answer(b"")

    return Inference({"x": np.array([[row, row] for row in rows], np.float32)}, None, encode)


class Doubling:
    """A session of y = 2x that refuses any batch with a POISON in it, and can be held back to let requests wait."""

    def __init__(self) -> None:
        self.free, self.began = threading.Event(), threading.Event()
        self.batches: list[int] = []
        self.free.set()

    def run(self, inputs: dict[str, Array], outputs: tuple[TensorSpec, ...] | None) -> Outputs:
        self.began.set()
        assert self.free.wait(30)
        self.batches.append(len(inputs["x"]))
        if (inputs["x"] == POISON).any():
            raise ModelRejectedInput("There is poison in it.")
        return [(Y, inputs["x"] * 2)]

    def hold(self) -> None:
        self.free.clear()
        self.began.clear()


def batcher(run: Callable[..., Outputs], **limits: int) -> Batcher:
    bounds = {"max_rows": 8, "threads": 1, "max_waiting": 100, "max_waiting_bytes": 10_000} | limits
    return Batcher(run, Limits(**bounds), batch_rows=Histogram(ROWS), queue_seconds=Histogram((1.0,)))


def ask(queue: Batcher, inference: Inference, deadline: float | None = None) -> "Future[Outputs | RequestError]":
    answer: Future[Outputs | RequestError] = Future()
    queue.submit(inference, deadline, answer.set_result)
    return answer


def numbers(answer: "Future[Outputs | RequestError]") -> list[list[float]]:
    outputs = answer.result(30)
    assert not isinstance(outputs, RequestError), outputs
    return [list(map(float, row)) for row in outputs[0][1]]


def test_what_comes_while_the_model_runs_is_the_next_batch() -> None:
    model = Doubling()
    queue = batcher(model.run)
    model.hold()
    answers = [ask(queue, request(0.0))]
    assert model.began.wait(30)
    answers += [ask(queue, request(*rows)) for rows in ((1.0,), (2.0, 3.0), (4.0,))]
    model.free.set()
    assert [numbers(answer) for answer in answers] == [[[0, 0]], [[2, 2]], [[4, 4], [6, 6]], [[8, 8]]]
    assert model.batches == [1, 4]
    assert queue.batch_rows is not None
    assert queue.batch_rows.sum == 5


def test_every_answer_of_thousands_is_the_callers_own(tmp_path: Path) -> None:
    """Cancellations and poison among them harm nobody else."""
    real = session(tmp_path, models.two_in_two_out())
    chance = random.Random(7)
    most = threading.Semaphore(64)

    def run(inputs: dict[str, Array], outputs: tuple[TensorSpec, ...] | None) -> Outputs:
        if (inputs["a"] == POISON).any():
            raise RuntimeError("poison")
        return real.run(inputs, outputs)

    queue = batcher(run, threads=2, max_rows=16, max_waiting_bytes=10**9)
    wrong: list[int] = []
    sizes = queue.batch_rows
    expected = 0
    answered = threading.Semaphore(0)
    for number in range(ANSWERS):
        rows, width, poisoned = chance.randint(1, 4), chance.randint(1, 3), chance.random() < 0.01
        a = np.full((rows, width), POISON if poisoned else float(number), np.float32)
        b = np.arange(rows * width, dtype=np.float32).reshape(rows, width)

        def done(
            outputs: Outputs | RequestError, number: int = number, a: Array = a, b: Array = b, bad: bool = poisoned
        ) -> None:
            if bad:
                right = isinstance(outputs, InternalError)
            else:
                right = not isinstance(outputs, RequestError) and all(
                    np.array_equal(got, want) for (_, got), want in zip(outputs, (a + b, a - b), strict=True)
                )
            if not right:
                wrong.append(number)
            if number % 10 != 9:
                most.release()
                answered.release()

        assert most.acquire(timeout=30)
        cancel = queue.submit(Inference({"a": a, "b": b}, None, lambda _: Answer(b"")), None, done)
        if number % 10 == 9:
            cancel()  # perhaps too late: then the answer is checked as well
            most.release()
        else:
            expected += 1
    for _ in range(expected):
        assert answered.acquire(timeout=30)
    assert wrong == []
    assert sizes is not None
    assert sum(sizes.counts[1:]) > 0


def test_only_the_guilty_one_of_a_batch_fails() -> None:
    model = Doubling()
    queue = batcher(model.run)
    model.hold()
    first = ask(queue, request(0.0))
    assert model.began.wait(30)
    good, guilty, other = ask(queue, request(1.0)), ask(queue, request(POISON)), ask(queue, request(3.0))
    model.free.set()
    assert numbers(first) and numbers(good) == [[2, 2]] and numbers(other) == [[6, 6]]
    assert isinstance(guilty.result(30), ModelRejectedInput)


def test_who_has_gone_is_not_run() -> None:
    model = Doubling()
    queue = batcher(model.run)
    model.hold()
    first = ask(queue, request(0.0))
    assert model.began.wait(30)
    gone: Future[object] = Future()
    cancel = queue.submit(request(5.0), None, gone.set_result)
    stays = ask(queue, request(1.0))
    cancel()
    model.free.set()
    assert numbers(first) and numbers(stays) == [[2, 2]]
    assert model.batches == [1, 1]
    assert not gone.done()


def test_a_front_end_that_fails_does_not_stop_the_queue() -> None:
    queue = batcher(Doubling().run)

    def broken(_: object) -> None:
        raise RuntimeError("the caller's code")

    queue.submit(request(1.0), None, broken)
    assert numbers(ask(queue, request(2.0))) == [[4, 4]]


def test_a_request_whose_time_is_up_is_not_run() -> None:
    model = Doubling()
    now = [100.0]
    queue = batcher(model.run)
    queue.clock = lambda: now[0]
    model.hold()
    first = ask(queue, request(0.0))
    assert model.began.wait(30)
    late, in_time = ask(queue, request(1.0), 101.0), ask(queue, request(2.0), 103.0)
    now[0] = 102.0
    model.free.set()
    assert numbers(first) and numbers(in_time) == [[4, 4]]
    assert isinstance(late.result(30), DeadlineExceeded)
    assert model.batches == [1, 1]


@pytest.mark.parametrize(("limits", "told"), [({"max_waiting": 2}, "2 requests"), ({"max_waiting_bytes": 20}, "20 b")])
def test_more_than_may_wait_is_refused(limits: dict[str, int], told: str) -> None:
    model = Doubling()
    queue = batcher(model.run, **limits)
    model.hold()
    answers = [ask(queue, request(0.0))]
    assert model.began.wait(30)
    answers += [ask(queue, request(1.0)), ask(queue, request(2.0))]
    with pytest.raises(Overloaded, match=told):
        ask(queue, request(3.0))
    model.free.set()
    assert all(numbers(answer) for answer in answers)
    assert numbers(ask(queue, request(3.0))) == [[6, 6]]  # there is room again


def test_at_the_end_whoever_waits_is_told() -> None:
    model = Doubling()
    queue = batcher(model.run)
    model.hold()
    first = ask(queue, request(0.0))
    assert model.began.wait(30)
    left = ask(queue, request(1.0))
    queue.close()
    assert isinstance(left.result(30), NotReady)
    with pytest.raises(NotReady):
        ask(queue, request(2.0))
    model.free.set()
    assert numbers(first) == [[0, 0]]


@pytest.mark.parametrize("mode", Mode)
def test_waiting_for_the_answer_in_every_mode(mode: Mode, tmp_path: Path) -> None:
    real = session(tmp_path, models.two_in_two_out())
    execution = Execution(real, mode, batcher(real.run))
    ones = np.ones((2, 2), np.float32)
    asked = Inference({"a": ones, "b": ones}, None, lambda _: Answer(b""))
    assert [array.tolist() for _, array in execution.wait(asked)] == [[[2, 2], [2, 2]], [[0, 0], [0, 0]]]
    with pytest.raises(DeadlineExceeded):
        execution.wait(asked, deadline=0.0)


@pytest.mark.parametrize(
    ("told", "content", "independent"),
    [
        ("a linear layer", models.linear(), True),
        ("two inputs, two outputs", models.two_in_two_out(), True),
        ("labels and maps", models.classifier(), True),
        ("strings", models.echo("BYTES"), True),
        ("normalised over the batch", models.softmax_over_rows(), False),
        ("scaled by the largest of the batch", models.dynamically_quantized(), False),
        ("no open axis", models.echo("FP32", [3]), False),
        ("a scalar", models.echo("FP32", []), False),
        ("a sequence", models.sequence(), False),
        ("work that grows with the rows, answers that do not", models.slow(4), True),
    ],
)
def test_the_proof_that_rows_are_independent(told: str, content: bytes, independent: bool, tmp_path: Path) -> None:
    one = session(tmp_path, content)
    assert prove(one, synthetic(one.signature, 1), 0.001).independent is independent, told


NOT, PAYS = Proof(False, "not independent"), Proof(True, "", 0.002, 0.0005)
PAYS_LITTLE = Proof(True, "", 0.00001, 0.000002)
LOSES_NOTHING, LOSES = Proof(True, "", 0.0007, 0.00075), Proof(True, "", 0.0007, 0.002)


@pytest.mark.parametrize(
    ("execution", "batching", "run_seconds", "proof", "mode"),
    [
        ("auto", "auto", 0.00001, PAYS_LITTLE, Mode.INLINE),
        ("auto", "auto", 0.002, PAYS, Mode.BATCHING),
        ("auto", "auto", 0.002, NOT, Mode.THREAD),
        ("auto", "auto", 0.0007, LOSES_NOTHING, Mode.BATCHING),
        ("auto", "auto", 0.0007, LOSES, Mode.INLINE),
        ("auto", "auto", 0.002, LOSES, Mode.THREAD),
        ("auto", "auto", 0.05, LOSES_NOTHING, Mode.THREAD),
        ("auto", "auto", 0.0004, LOSES_NOTHING, Mode.INLINE),
        ("auto", "on", 0.00001, PAYS_LITTLE, Mode.BATCHING),
        ("auto", "on", 0.002, NOT, Mode.THREAD),
        ("auto", "off", 0.002, PAYS, Mode.THREAD),
        ("auto", "auto", None, NOT, Mode.THREAD),
        ("inline", "on", 0.002, PAYS, Mode.INLINE),
        ("thread", "auto", 0.00001, PAYS_LITTLE, Mode.THREAD),
    ],
)
def test_the_choice(execution: str, batching: str, run_seconds: float | None, proof: Proof, mode: Mode) -> None:
    assert choose(execution, batching, run_seconds, proof).mode is mode
