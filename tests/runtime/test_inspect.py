"""`modelserver inspect` tells the truth about a model, and says in a sentence what is none."""

import json
import re
import shlex
from collections import Counter
from pathlib import Path

import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from modelserver import report
from modelserver.artifact import onnx_file
from modelserver.artifact.fetch import fetch
from modelserver.cli import main
from modelserver.errors import ModelCorrupt
from modelserver.inspect import inspect
from modelserver.settings import FetchSettings
from tests.runtime import models
from tests.runtime.processes import running

DIGITS = Path(__file__).parents[2] / "examples/digits/1/model.onnx"


def write(folder: Path, content: bytes, name: str = "model.onnx") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def test_the_walk_agrees_with_the_onnx_package() -> None:
    told, true = onnx_file.read(DIGITS), onnx.load(DIGITS)
    assert told is not None
    assert told.ir_version == true.ir_version
    assert told.producer == f"{true.producer_name} {true.producer_version}"
    assert told.opsets == {one.domain or "ai.onnx": one.version for one in true.opset_import}
    assert told.operators == Counter(node.op_type for node in true.graph.node)
    arrays = [onnx.numpy_helper.to_array(tensor) for tensor in true.graph.initializer]
    assert (told.parameters, told.weight_bytes) == (sum(a.size for a in arrays), sum(a.nbytes for a in arrays))
    assert told.dimensions["x"] == ("batch", 64)


def test_operators_in_the_branches_of_an_if_are_counted(tmp_path: Path) -> None:
    def branch(operator: str) -> onnx.GraphProto:
        out = helper.make_tensor_value_info(operator, TensorProto.FLOAT, ["n"])
        return helper.make_graph([helper.make_node(operator, ["x"], [operator])], operator, [], [out])

    node = helper.make_node("If", ["c"], ["y"], then_branch=branch("Abs"), else_branch=branch("Neg"))
    inputs = [("c", TensorProto.BOOL, []), ("x", TensorProto.FLOAT, ["n"])]
    told = onnx_file.read(write(tmp_path, models.model([node], inputs, [("y", TensorProto.FLOAT, ["n"])])))
    assert told is not None and told.operators == {"Abs": 1, "If": 1, "Neg": 1}


@given(st.data())
def test_a_damaged_file_is_told_in_a_sentence(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    content = bytearray(models.linear())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = write(tmp_path_factory.getbasetemp(), bytes(content), "damaged.onnx")
    try:
        onnx_file.read(path)
    except ModelCorrupt as refused:
        assert "Upload or export it again" in str(refused)


def test_graphs_nested_without_end_are_refused(tmp_path: Path) -> None:
    def field(number: int, content: bytes) -> bytes:
        length, size = len(content), b""
        while length > 127:
            size, length = size + bytes([length & 127 | 128]), length >> 7
        return bytes([number << 3 | 2]) + size + bytes([length]) + content

    graph = b""
    for _ in range(200):
        graph = field(1, field(5, field(6, graph)))
    with pytest.raises(ModelCorrupt, match="deep"):
        onnx_file.read(write(tmp_path, field(7, graph)))


@pytest.mark.parametrize("folder", [False, True], ids=["file", "folder"])
def test_the_digest_is_what_fetch_records(tmp_path: Path, folder: bool) -> None:
    (tmp_path / "source").mkdir()
    source = write(tmp_path / "source", models.linear())
    (source.parent / "labels.txt").write_text("a\nb\n")
    given = source.parent if folder else source
    artifact = fetch(FetchSettings(model_uri=str(given), model_dir=tmp_path / "models"), {})
    seen = inspect(given)
    assert (seen.digest, seen.bytes) == (artifact.digest, artifact.bytes)
    assert inspect(tmp_path / "models").digest == artifact.digest


def test_signature_with_the_names_of_open_sizes(tmp_path: Path) -> None:
    seen = inspect(write(tmp_path, models.two_in_two_out(), "pair.onnx"))
    assert [(one.name, one.datatype, one.shape) for one in seen.inputs] == [
        ("a", "FP32", ("N", "M")),
        ("b", "FP32", ("N", "M")),
    ]
    assert (seen.name, seen.batchable, seen.settings) == ("pair", True, {})
    assert seen.run_seconds is not None and seen.peak_memory_bytes > 0


def test_a_fixed_first_axis_is_not_batchable_and_advice_says_so(tmp_path: Path) -> None:
    seen = inspect(write(tmp_path, models.echo("INT64", (3,))))
    assert not seen.batchable
    assert "dynamic batch axis" in report.text(seen)


def seven_only() -> bytes:
    """x[1, M], of which only M = 7 works."""
    nodes = [helper.make_node("Reshape", ["x", "seven"], ["y"])]
    seven = helper.make_tensor("seven", TensorProto.INT64, [1], [7])
    inputs, outputs = [("x", TensorProto.FLOAT, ["N", "M"])], [("y", TensorProto.FLOAT, [7])]
    return models.model(nodes, inputs, outputs, initializers=[seven])


@pytest.mark.parametrize(
    ("content", "settings", "advice"),
    [
        (models.linear(), {}, ()),
        (models.resized(), {}, ("The first axis",)),  # zeros are refused, ones are not
        (models.unsqueezed(), {}, ("The first axis", "No synthetic request fits")),
        (seven_only(), {}, ("The first axis", "No synthetic request fits")),
        (models.always_fails(), {"MODELSERVER_WARMUP_REQUESTS": "0"}, ("The first axis", "The model refuses")),
    ],
    ids=["zeros", "ones", "unequal axes", "one size only", "none"],
)
def test_what_is_advised_for_the_warm_up_is_what_a_server_needs(
    tmp_path: Path, content: bytes, settings: dict[str, str], advice: tuple[str, ...]
) -> None:
    path = write(tmp_path, content)
    seen = inspect(path)
    assert seen.settings == settings
    assert [told.startswith(begin) for told, begin in zip(seen.advice, advice, strict=True)] == [True] * len(advice)
    with running(path, **settings):
        pass  # it became ready
    if settings:
        with pytest.raises(AssertionError, match="ModelFailed"), running(path):
            pass


def test_the_request_is_one_that_the_model_answers(tmp_path: Path) -> None:
    seen = inspect(write(tmp_path, models.resized()))
    assert seen.run_seconds is not None and seen.request is not None
    assert {value for tensor in seen.request["inputs"] for value in tensor["data"]} == {1}


def test_the_curl_line_works_as_it_stands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, models.linear(), "it's.onnx")
    assert main(["inspect", str(path), "--request"]) == 0
    request = json.loads(capsys.readouterr().out)
    assert request["inputs"][0] == {"name": "x", "datatype": "FP32", "shape": [1, 4], "data": [0.0] * 4}
    words = shlex.split(inspect(path).curl)
    assert words[:3] == ["curl", "localhost:8080/v2/models/it%27s/infer", "-d"]
    assert json.loads(words[3]) == request


def test_table_and_json_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(DIGITS)]) == 0
    table = capsys.readouterr().out
    assert "x  FP32   [batch, 64]" in table and "Gemm ×2" in table and "1,211 parameters, 4.7 KiB" in table
    assert main(["inspect", str(DIGITS), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["file"]["parameters"] == 1211


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"<!DOCTYPE html><html></html>", "ModelNotAModel: .*HTML page.*Check the path"),
        (b"", "ModelNotAModel: .*empty"),
        (models.linear()[:60], "ModelCorrupt: .*cut off"),
        (models.unknown_operator(), "ModelUnsupported: .*Frobnicate"),
    ],
    ids=["html", "empty", "cut off", "unknown operator"],
)
def test_what_is_no_model(tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, sentence: str) -> None:
    assert main(["inspect", str(write(tmp_path, content))]) == 1
    assert re.search(sentence, capsys.readouterr().err)


def test_a_path_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(tmp_path / "nothing.onnx")]) == 1
    assert "There is no" in capsys.readouterr().err
