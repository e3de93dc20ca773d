"""ONNX Runtime behind the core: every datatype, every kind of output, and what it says when a model can't be used."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from modelserver.core import Core
from modelserver.errors import (
    ContainerError,
    InternalError,
    InvalidTensor,
    ModelCorrupt,
    ModelFailed,
    ModelRejectedInput,
    ModelUnsupported,
    RequestError,
)
from modelserver.session import load
from modelserver.tensors import DATATYPES
from modelserver.threads import Cpus
from modelserver.warmup import warm_up
from tests.runtime import models

ONE_CPU = Cpus(quota=1.0, allowed=1)


def core(tmp_path: Path, content: bytes) -> Core:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    return Core("m", None, load(path, ONE_CPU, None))


def infer(one: Core, **inputs: tuple[str, list[int], list[Any]]) -> dict[str, Any]:
    entries = [
        {"name": name, "datatype": datatype, "shape": shape, "data": data}
        for name, (datatype, shape, data) in inputs.items()
    ]
    answer = json.loads(one.infer(one.codecs["openinference"], json.dumps({"inputs": entries}).encode()).body)
    return {output["name"]: output for output in answer["outputs"]}


TENSOR = onnx.helper.make_tensor_type_proto(onnx.TensorProto.FLOAT, [None])
SAMPLES: dict[str, list[Any]] = {
    "BOOL": [True, False],
    "BYTES": ["", "grüße", "\x00"],
    "FP16": [0.5, -65504.0, None],
    "BF16": [0.5, None, 3.140625],
    "FP32": [0.1, None, -3.4e38],
    "FP64": [0.1, 1e300, None],
    "INT64": [-(2**63), 2**63 - 1],
    "UINT64": [0, 2**64 - 1],
}


@pytest.mark.parametrize("datatype", DATATYPES)
def test_every_datatype_goes_through_the_model_unchanged(datatype: str, tmp_path: Path) -> None:
    sample = SAMPLES.get(datatype, [0, 1, 127])
    output = infer(core(tmp_path, models.echo(datatype)), **{"in": (datatype, [len(sample)], sample)})["out"]
    assert output["datatype"] == datatype
    assert output["data"] == sample


def test_scalars_and_empty_tensors(tmp_path: Path) -> None:
    assert infer(core(tmp_path, models.echo("FP32", [])), **{"in": ("FP32", [], [2.5])})["out"]["shape"] == []
    assert infer(core(tmp_path, models.echo("INT64")), **{"in": ("INT64", [0], [])})["out"]["data"] == []


def test_several_inputs_and_outputs(tmp_path: Path) -> None:
    one = core(tmp_path, models.two_in_two_out())
    outputs = infer(one, a=("FP32", [1, 2], [5, 6]), b=("FP32", [1, 2], [1, 2]))
    assert outputs["sum"]["data"] == [6.0, 8.0]
    assert outputs["difference"]["data"] == [4.0, 4.0]


def test_inputs_that_do_not_fit_each_other_are_the_callers_fault(tmp_path: Path) -> None:
    one = core(tmp_path, models.two_in_two_out())
    with pytest.raises(RequestError) as refused:
        infer(one, a=("FP32", [3, 2], [0] * 6), b=("FP32", [2, 2], [0] * 4))
    assert "ONNXRuntimeError" not in str(refused.value)


def test_a_classifiers_maps_become_a_tensor(tmp_path: Path) -> None:
    one = core(tmp_path, models.classifier())
    outputs = infer(one, x=("FP32", [2, 2], [5, 0, 0, 5]))
    assert outputs["label"]["data"] == [7, 9]
    assert outputs["probabilities"]["shape"] == [2, 2]
    assert outputs["probabilities"]["data"][0] > 0.9
    plain = json.loads(one.infer(one.codecs["predict"], b'{"data": [[5, 0], [0, 5]]}').body)
    assert plain["predictions"] == [7, 9]
    assert plain["probabilities"][1][1] > 0.9


def test_a_sequence_of_tensors_is_stacked(tmp_path: Path) -> None:
    output = infer(core(tmp_path, models.sequence()), x=("FP32", [4], [1, 2, 3, 4]))["parts"]
    assert (output["shape"], output["data"]) == ([2, 2], [1.0, 2.0, 3.0, 4.0])


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_sequence_goes_in_and_out_as_a_stack(count: int, tmp_path: Path) -> None:
    one = core(tmp_path, models.identity(onnx.helper.make_sequence_type_proto(TENSOR)))
    numbers = [float(n) for n in range(2 * count)]
    output = infer(one, **{"in": ("FP32", [count, 2], numbers)})["out"]
    assert output["data"] == numbers
    assert output["shape"] == ([count, 2] if count else [0])


def test_a_sequence_of_unlike_tensors_is_told_as_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(InternalError, match="tensors of several shapes"):
        infer(core(tmp_path, models.uneven()), x=("FP32", [3], [1, 2, 3]))


@pytest.mark.parametrize("key", ["int64", "string"])
def test_maps_give_their_values_in_the_order_of_their_keys(key: str, tmp_path: Path) -> None:
    output = infer(core(tmp_path, models.mapped(key)), scores=("FP32", [2, 2], [0.25, 0.75, 1, 0]))["out"]
    assert (output["shape"], output["data"]) == ([2, 2], [0.25, 0.75, 1.0, 0.0])


def test_a_map_that_goes_in_is_a_reason_not_to_serve_the_model(tmp_path: Path) -> None:
    with pytest.raises(ModelUnsupported, match=r"Input 'in' is of type map\(string,tensor\(float\)\)"):
        core(tmp_path, models.vectorizer())


def test_an_optional_input_may_be_left_out(tmp_path: Path) -> None:
    one = core(tmp_path, models.present())
    assert infer(one)["there"]["data"] == [False]
    assert infer(one, x=("FP32", [1], [1]))["there"]["data"] == [True]
    [told] = json.loads(one.metadata())["inputs"]
    assert told["parameters"] == {"optional": True}


def test_an_optional_output_without_a_value_is_left_out(tmp_path: Path) -> None:
    one = core(tmp_path, models.identity(onnx.helper.make_optional_type_proto(TENSOR)))
    assert infer(one) == {}
    assert infer(one, **{"in": ("FP32", [1], [2])})["out"]["data"] == [2.0]


def test_an_initializer_that_is_an_input_too_is_its_default(tmp_path: Path) -> None:
    one = core(tmp_path, models.with_default())
    assert infer(one, x=("FP32", [1], [1]))["y"]["data"] == [6.0]
    assert infer(one, x=("FP32", [1], [1]), w=("FP32", [1], [2]))["y"]["data"] == [3.0]
    plain = one.infer(one.codecs["predict"], b'{"data": [1]}')
    assert json.loads(plain.body) == {"predictions": [6.0]}
    with pytest.raises(InvalidTensor, match="Input 'x' is missing"):
        infer(one, w=("FP32", [1], [2]))
    assert warm_up(one, 1).run_seconds is not None


def test_bfloat16_scalars_and_empty_tensors(tmp_path: Path) -> None:
    assert infer(core(tmp_path, models.echo("BF16", [])), **{"in": ("BF16", [], [2.5])})["out"]["data"] == [2.5]
    assert infer(core(tmp_path, models.echo("BF16")), **{"in": ("BF16", [0], [])})["out"]["shape"] == [0]


def test_bfloat16_beside_what_cannot_be_exchanged_with_it_is_a_reason_not_to_serve(tmp_path: Path) -> None:
    with pytest.raises(ModelUnsupported, match="Cast the bfloat16 outputs"):
        core(tmp_path, models.bfloat16_beside_strings())


def test_what_the_model_makes_of_numbers_without_a_logarithm(tmp_path: Path) -> None:
    output = infer(core(tmp_path, models.logarithm()), **{"in": ("FP32", [3], [1, 0, -1])})["out"]
    assert output["data"] == [0.0, None, None]
    assert output["parameters"] == {"non_finite": 2}


@pytest.mark.parametrize(
    ("content", "kind", "told"),
    [
        (models.linear()[:80], ModelCorrupt, "cut off or damaged"),
        (b"<html>", ModelCorrupt, "cut off or damaged"),
        (b"", ModelCorrupt, "cut off or damaged"),
        (models.unknown_operator(), ModelUnsupported, "Frobnicate"),
        (models.future_opset(), ModelUnsupported, "pset 99"),
    ],
)
def test_models_that_cannot_be_loaded(content: bytes, kind: type[ContainerError], told: str, tmp_path: Path) -> None:
    with pytest.raises(kind) as refused:
        core(tmp_path, content)
    assert told in str(refused.value)
    assert "/onnxruntime_src" not in str(refused.value)


def test_warm_up_answers_requests_and_times_a_run(tmp_path: Path) -> None:
    warmth = warm_up(core(tmp_path, models.linear()), 3)
    assert warmth.run_seconds is not None
    assert warmth.sample is not None
    assert warm_up(core(tmp_path, models.linear()), 0).run_seconds is None


def test_a_model_that_cannot_answer_zeros_has_failed(tmp_path: Path) -> None:
    with pytest.raises(ModelFailed, match="does not answer"):
        warm_up(core(tmp_path, models.always_fails()), 1)


def test_a_model_that_takes_no_zeros_is_warmed_up_with_ones(tmp_path: Path) -> None:
    warmth = warm_up(core(tmp_path, models.resized()), 1)
    assert warmth.sample is not None and warmth.sample["scales"].tolist() == [1.0] * 4


def test_a_model_whose_whole_numbers_are_axes_is_served_cold(tmp_path: Path) -> None:
    """Two axes must differ, which no made-up request is sure to know."""
    warmth = warm_up(core(tmp_path, models.unsqueezed()), 1)
    assert (warmth.run_seconds, warmth.sample) == (None, None)
    assert "no synthetic request fits the model" in (warmth.note or "")


def test_a_quota_means_no_more_threads_than_it_has(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(models.linear())
    assert load(path, Cpus(quota=2.0, allowed=8), None).threads == 2
    assert load(path, Cpus(quota=2.0, allowed=8), 3).threads == 3


def test_memory_of_a_large_run_goes_back(tmp_path: Path) -> None:
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    path = tmp_path / "m.onnx"
    path.write_bytes(models.squares())
    session = load(path, ONE_CPU, None)
    large = np.ones(16 * 1024**2, np.float32)  # 64 MiB, and so are the squares
    session.run({"x": large[:4]}, None)
    before = resident()
    [(_, total)] = session.run({"x": large}, None)
    assert total.item() == large.size
    assert resident() - before < 48 * 1024**2


def test_refused_inputs_are_400s_of_ours() -> None:
    assert issubclass(ModelRejectedInput, RequestError)
