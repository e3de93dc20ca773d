"""Digests, entries, recorded digests, and what bytes look like."""

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelserver.artifact import directory, recognise
from modelserver.artifact.digest import FetchedFile, model_digest
from modelserver.artifact.directory import Artifact, choose_entry, open_model
from modelserver.artifact.download import pause_before
from modelserver.artifact.expected import recorded_digest
from modelserver.artifact.source import safe_path, without_secrets
from modelserver.errors import BadSettings, ContainerError, ModelCorrupt, ModelNotAModel, ModelNotFound
from tests.runtime import models

A = FetchedFile("a.bin", 3, "aa")
B = FetchedFile("b/model.onnx", 4, "bb")


def test_a_files_digest_is_its_sha256() -> None:
    assert model_digest([A], folder=False) == "sha256:aa"


def test_a_folders_digest_is_that_of_its_sorted_lines() -> None:
    lines = b"a.bin 3 aa\nb/model.onnx 4 bb\n"
    expected = f"sha256:{hashlib.sha256(lines).hexdigest()}"
    assert model_digest([B, A], folder=True) == model_digest([A, B], folder=True) == expected


def test_a_folder_of_one_file_is_a_folder() -> None:
    assert model_digest([A], folder=True) != model_digest([A], folder=False)


@pytest.mark.parametrize(
    ("paths", "entry"),
    [
        (["any.onnx", "weights.bin"], "any.onnx"),
        (["deep/down.ort"], "deep/down.ort"),
        (["model.onnx", "other.onnx"], "model.onnx"),
    ],
)
def test_the_entry_is_the_only_model_or_model_onnx(paths: list[str], entry: str) -> None:
    assert choose_entry(paths, "here") == entry


@pytest.mark.parametrize(("paths", "told"), [([], "nothing"), (["a.pt"], "a.pt"), (["a.onnx", "b.onnx"], "2 models")])
def test_folders_without_one_model(paths: list[str], told: str) -> None:
    with pytest.raises(ModelNotFound, match=told):
        choose_entry(paths, "here")


def test_the_artifact_is_written_and_read_back(tmp_path: Path) -> None:
    artifact = Artifact("s3://b/k", "sha256:aa", 3, 1, "model.onnx")
    assert directory.read(tmp_path) is None
    directory.write(tmp_path, artifact)
    assert directory.read(tmp_path) == artifact
    assert [path.name for path in tmp_path.iterdir()] == ["artifact.json"]
    assert open_model(tmp_path) == (tmp_path / "content/model.onnx", "sha256:aa")


def test_without_a_cluster_a_file_or_a_folder_will_do(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").touch()
    assert open_model(tmp_path) == (tmp_path / "m.onnx", None)
    assert open_model(tmp_path / "m.onnx") == (tmp_path / "m.onnx", None)
    with pytest.raises(ModelNotFound):
        open_model(tmp_path / "nothing")


def test_the_recorded_digest_of_a_revision(tmp_path: Path) -> None:
    assert recorded_digest(tmp_path, "abc") is None
    document = {"generation": 3, "digests": {"abc": "sha256:1", "def": "sha256:2"}, "from_the_future": []}
    (tmp_path / "traffic.json").write_text(json.dumps(document))
    assert recorded_digest(tmp_path, "abc") == "sha256:1"
    assert recorded_digest(tmp_path, "unknown") is None
    assert recorded_digest(tmp_path, None) is None
    (tmp_path / "traffic.json").write_text("{")
    with pytest.raises(BadSettings):
        recorded_digest(tmp_path, "abc")


def check(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    recognise.check(path, "http://host/model.onnx")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "empty"),
        (b"\n  <!DOCTYPE html><html>", "an HTML page"),
        (b"<html></html>", "an HTML page"),
        (b'{"error": "no"}', "a JSON document"),
        (b"<?xml version='1.0'?><Error/>", "an XML document"),
        (b"PK\x03\x04....", "a zip archive"),
        (b"\x1f\x8b\x08", "a gzip archive"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
        (b"\x80\x04\x95", "a Python pickle"),
        (b"\x89HDF\r\n", "an HDF5 file"),
        (b"just words", "does not start like an ONNX model"),
        (b"\x00" * 100, "does not start like an ONNX model"),
    ],
)
def test_what_is_no_model_is_told_by_what_it_is(content: bytes, told: str, tmp_path: Path) -> None:
    with pytest.raises(ModelNotAModel, match=told):
        check(tmp_path, content)


@pytest.mark.parametrize("make", [models.linear, models.classifier, models.slow])
def test_models_are_recognised(make: object, tmp_path: Path) -> None:
    check(tmp_path, make())  # type: ignore[operator]


@given(st.integers(1, len(models.linear()) - 1))
def test_a_model_cut_off_anywhere_is_not_taken_for_whole(cut: int) -> None:
    import tempfile

    whole = models.linear()
    with tempfile.TemporaryDirectory() as folder:
        try:
            check(Path(folder), whole[:cut])
        except ContainerError as refused:
            assert isinstance(refused, (ModelCorrupt, ModelNotAModel))
        else:
            # Cut between two fields, after the graph: onnxruntime is the judge of those (no opset import).
            assert cut > len(whole) - 40


def test_secrets_are_not_shown() -> None:
    assert without_secrets("https://u:p@h:1/a/b.onnx?X-Amz-Signature=s#f") == "https://h:1/a/b.onnx"


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../b", "", "a\nb", "a\\b"])
def test_paths_that_leave_the_folder_are_refused(path: str) -> None:
    with pytest.raises(ModelNotFound):
        safe_path(path, "s3://b/k")


def test_pauses_double_with_jitter_up_to_a_bound() -> None:
    assert [pause_before(attempt, 1.0) for attempt in (1, 2, 3)] == [0.25, 0.5, 1.0]
    assert pause_before(1, 0.0) == 0.125
    assert pause_before(50, 1.0) == 8.0
