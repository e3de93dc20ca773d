"""Weights in files of their own: loaded, fetched, covered by the digest; what is wrong with one is told by name."""

import json
import urllib.request
from pathlib import Path

import numpy as np
import pytest

from modelserver.artifact.fetch import fetch
from modelserver.cli import main
from modelserver.errors import DigestMismatch, ModelCorrupt
from modelserver.inspect import inspect
from modelserver.session import load
from modelserver.settings import FetchSettings
from modelserver.threads import Cpus
from tests.runtime import external_models
from tests.runtime.processes import infer_body, running
from tests.runtime.sources import Place, serving

ONE_CPU = Cpus(quota=1.0, allowed=1)


def fetched(source: Path, target: Path, **more: str) -> FetchSettings:
    return FetchSettings(model_uri=str(source), model_dir=target, **more)  # type: ignore[arg-type]


def test_weights_in_two_files_are_loaded(tmp_path: Path) -> None:
    model = external_models.folder(tmp_path / "m") / "model.onnx"
    [(_, y)] = load(model, ONE_CPU, None).run({"x": np.ones((1, 4), np.float32)}, None)
    assert y.tolist() == [[3.0, 3.0, 3.0]]


def test_fetched_served_and_asked(tmp_path: Path) -> None:
    artifact = fetch(fetched(external_models.folder(tmp_path / "m"), tmp_path / "models"), {})
    assert (artifact.files, artifact.entry) == (3, "model.onnx")
    with running(tmp_path / "models") as server:
        asked = urllib.request.Request(server.url("/v2/models/tiny/infer"), infer_body([1, 1, 1, 1]))
        with urllib.request.urlopen(asked, timeout=10) as answer:
            assert json.load(answer)["outputs"][0]["data"] == [3.0, 3.0, 3.0]


def test_the_digest_covers_every_weights_file(tmp_path: Path) -> None:
    source = external_models.folder(tmp_path / "m")
    recorded = fetch(fetched(source, tmp_path / "a"), {}).digest
    assert inspect(source).digest == recorded
    (source / "more/bias.bin").write_bytes(np.zeros(3, np.float32).tobytes())
    with pytest.raises(DigestMismatch, match=recorded):
        fetch(fetched(source, tmp_path / "b", model_digest=recorded), {})


def test_inspect_names_the_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = external_models.folder(tmp_path / "m")
    assert main(["inspect", str(source)]) == 0
    told = capsys.readouterr().out
    assert "15 parameters, 60 B, in weights.bin, more/bias.bin" in told
    assert "Weights lie in other files" not in told
    assert main(["inspect", str(source / "model.onnx")]) == 0
    assert "give the URI of the folder" in capsys.readouterr().out


def missing(place: Path) -> None:
    (place / "weights.bin").unlink()


def truncated(place: Path) -> None:
    (place / "weights.bin").write_bytes(b"\0" * 40)


def linked(place: Path) -> None:
    (place / "weights.bin").rename(place.parent / "elsewhere")
    (place / "weights.bin").symlink_to(place.parent / "elsewhere")


DAMAGES = [
    (missing, "'weights.bin', which is not there"),
    (truncated, "'weights.bin', which is cut off: it has 40 bytes, the model needs 64"),
    (linked, "'weights.bin', which is a link that leads out"),
]


@pytest.mark.parametrize(("damage", "told"), DAMAGES, ids=[damage.__name__ for damage, _ in DAMAGES])
def test_a_damaged_weights_file_is_named_at_load(damage: object, told: str, tmp_path: Path) -> None:
    source = external_models.folder(tmp_path / "m")
    damage(source)  # type: ignore[operator]
    with pytest.raises(ModelCorrupt, match=told):
        load(source / "model.onnx", ONE_CPU, None)


@pytest.mark.parametrize(("damage", "told"), DAMAGES[:2], ids=["missing", "truncated"])
def test_fetch_does_not_call_it_a_model(damage: object, told: str, tmp_path: Path) -> None:
    source = external_models.folder(tmp_path / "m")
    damage(source)  # type: ignore[operator]
    with pytest.raises(ModelCorrupt, match=told):
        fetch(fetched(source, tmp_path / "models"), {})
    assert not (tmp_path / "models/artifact.json").exists()


@pytest.mark.parametrize("location", ["../outside.bin", "/etc/passwd", "more/../../outside.bin", "a\\b", ""])
def test_a_path_that_leads_out_of_the_folder_is_refused(location: str, tmp_path: Path) -> None:
    source = external_models.folder(tmp_path / "m", location)
    (tmp_path / "outside.bin").write_bytes(b"\0" * 64)
    with pytest.raises(ModelCorrupt, match="leads out of the model's folder"):
        load(source / "model.onnx", ONE_CPU, None)
    with pytest.raises(ModelCorrupt, match="leads out of the model's folder"):
        fetch(fetched(source, tmp_path / "models"), {})


def test_one_file_over_http_can_not_be_all_of_it(tmp_path: Path) -> None:
    content = (external_models.folder(tmp_path / "m") / "model.onnx").read_bytes()
    with serving(Place({"/model.onnx": content})) as place, pytest.raises(ModelCorrupt, match="URI of the folder"):
        fetch(FetchSettings(model_uri=place.url("/model.onnx"), model_dir=tmp_path / "models"), {})


def test_onnx_runtimes_own_format(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = external_models.folder(tmp_path / "m") / "model.onnx"
    target = tmp_path / "fast/tiny.ort"
    target.parent.mkdir()
    external_models.ort_format(source, target)
    artifact = fetch(fetched(target.parent, tmp_path / "models"), {})
    assert artifact.entry == "tiny.ort"
    [(_, y)] = load(tmp_path / "models/content/tiny.ort", ONE_CPU, None).run({"x": np.ones((2, 4), np.float32)}, None)
    assert y.tolist() == [[3.0] * 3] * 2
    assert main(["inspect", str(target)]) == 0
    told = capsys.readouterr().out
    assert "ONNX Runtime's own (.ort)" in told and "x  FP32   [?, 4]" in told and "one run" in told
    target.write_bytes(target.read_bytes()[:700])
    with pytest.raises(ModelCorrupt, match=r"tiny.ort: ORT model verification failed. It is cut off or damaged"):
        load(target, ONE_CPU, None)
