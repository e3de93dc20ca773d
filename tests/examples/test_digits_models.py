"""The committed digits models are what examples/digits/models.json says they are."""

import hashlib
import json
import re
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from examples.digits.heldout import held_out

DIGITS = Path(__file__).parents[2] / "examples" / "digits"
MODELS: dict[str, dict[str, Any]] = json.loads((DIGITS / "models.json").read_text())
VERSIONS = ("1", "2", "perturbed")


def content(version: str) -> bytes:
    return (DIGITS / version / "model.onnx").read_bytes()


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def session(version: str) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(content(version), options, providers=["CPUExecutionProvider"])


def test_models_json_lists_exactly_the_committed_versions() -> None:
    assert tuple(MODELS) == VERSIONS
    assert sorted(path.parent.name for path in DIGITS.glob("*/model.onnx*")) == sorted(VERSIONS)


def test_digest_and_size_are_those_of_the_file(version: str) -> None:
    file = content(version)
    assert MODELS[version]["digest"] == f"sha256:{hashlib.sha256(file).hexdigest()}"
    assert MODELS[version]["bytes"] == len(file) < 300_000


def test_accuracy_on_the_held_out_digits_is_the_one_that_is_claimed(
    version: str, session: onnxruntime.InferenceSession
) -> None:
    pixels, labels = held_out()
    predicted, _ = session.run(["label", "probabilities"], {"x": pixels})
    assert np.mean(predicted == labels) == pytest.approx(MODELS[version]["accuracy"], abs=1e-9)


def test_the_readme_says_the_same(version: str) -> None:
    accuracy, parameters = MODELS[version]["accuracy"], MODELS[version]["parameters"]
    readme = (DIGITS / "README.md").read_text()
    assert f"{round(accuracy * 400)} ({accuracy * 100:.2f} %)" in readme
    assert f"{parameters:,} weights" in readme


def test_version_2_is_clearly_the_better_one() -> None:
    assert MODELS["2"]["accuracy"] - MODELS["1"]["accuracy"] >= 0.015


def test_the_perturbed_one_is_what_its_script_makes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(DIGITS))  # it imports heldout.py from beside itself, as it does when it is started
    script = runpy.run_path(str(DIGITS / "perturb.py"))
    assert script["perturbed"](content("1")) == content("perturbed")


def test_the_perturbed_one_is_clearly_worse_though_it_looks_alike() -> None:
    assert MODELS["1"]["accuracy"] - MODELS["perturbed"]["accuracy"] >= 0.1
    assert MODELS["1"]["bytes"] == MODELS["perturbed"]["bytes"] < 10_000


def test_all_versions_have_the_one_signature(session: onnxruntime.InferenceSession) -> None:
    inputs = [(value.name, value.type, value.shape) for value in session.get_inputs()]
    outputs = [(value.name, value.type, value.shape) for value in session.get_outputs()]
    assert inputs == [("x", "tensor(float)", ["batch", 64])]
    assert outputs == [("label", "tensor(int64)", ["batch"]), ("probabilities", "tensor(float)", ["batch", 10])]


@pytest.mark.parametrize("rows", [0, 1, 2, 33], ids="a batch of {}".format)
def test_each_row_is_answered_for_itself(session: onnxruntime.InferenceSession, rows: int) -> None:
    pixels = held_out()[0][:rows]
    label, probabilities = session.run(["label", "probabilities"], {"x": pixels})
    assert label.shape == (rows,) and label.dtype == np.int64
    assert probabilities.shape == (rows, 10) and probabilities.dtype == np.float32
    assert np.array_equal(label, probabilities.argmax(axis=1))
    assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    alone = [session.run(["probabilities"], {"x": row[np.newaxis]})[0][0] for row in pixels]
    assert np.allclose(probabilities, np.reshape(alone, (rows, 10)), atol=1e-5)


def test_the_two_versions_can_be_told_apart_by_their_answers() -> None:
    pixels = held_out()[0][:1]
    answers = [
        onnxruntime.InferenceSession(content(version), providers=["CPUExecutionProvider"]).run(None, {"x": pixels})[1]
        for version in VERSIONS
    ]
    assert not np.allclose(answers[0], answers[1], atol=1e-4)


def test_the_file_does_not_tell_where_it_was_made(version: str) -> None:
    words = re.findall(rb"[\x20-\x7e]{4,}", content(version))
    traces = (
        b".py",
        b"/home",
        b"/root",
        b"/tmp",
        b"/work",
        b"/usr",
        b"site-packages",
        b"stack_trace",
        b'File "',
        b":\\",
    )
    assert [word for word in words if any(trace in word for trace in traces)] == []
