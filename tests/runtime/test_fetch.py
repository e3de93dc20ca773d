"""`modelserver fetch` against places that behave and misbehave."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.ports import free_port
from modelserver.artifact.fetch import fetch
from modelserver.errors import (
    BadSettings,
    ContainerError,
    DigestMismatch,
    ModelAccessDenied,
    ModelCorrupt,
    ModelNotAModel,
    ModelNotFound,
    ModelSourceUnreachable,
    ModelTooLarge,
)
from modelserver.settings import FetchSettings
from tests.runtime import models
from tests.runtime.processes import environment
from tests.runtime.sources import Place, serving

MODEL = models.linear()
DIGEST = f"sha256:{hashlib.sha256(MODEL).hexdigest()}"
OUTSIDE: dict[str, str] = {}


def settings(uri: str, to: Path, **more: Any) -> FetchSettings:
    return FetchSettings(model_uri=uri, model_dir=to, **{"fetch_attempts": 3, "fetch_timeout": 2.0, **more})


def content(to: Path) -> dict[str, bytes]:
    root = to / "content"
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_a_file_over_http(tmp_path: Path) -> None:
    with serving(Place({"/a/digits.onnx": MODEL})) as place:
        artifact = fetch(settings(place.url("/a/digits.onnx?token=secret"), tmp_path), OUTSIDE)
    assert content(tmp_path) == {"digits.onnx": MODEL}
    assert (artifact.digest, artifact.bytes, artifact.files, artifact.entry) == (DIGEST, len(MODEL), 1, "digits.onnx")
    assert "secret" not in (tmp_path / "artifact.json").read_text()
    assert json.loads((tmp_path / "artifact.json").read_text())["digest"] == DIGEST


def test_a_restarted_container_does_not_fetch_again(tmp_path: Path) -> None:
    with serving(Place({"/m": MODEL})) as place:
        first = fetch(settings(place.url("/m"), tmp_path), OUTSIDE)
        assert fetch(settings(place.url("/m"), tmp_path), OUTSIDE) == first
        assert len(place.asked) == 1
        assert first.entry == "model.onnx"


def test_another_uri_or_digest_is_fetched_anew(tmp_path: Path) -> None:
    with serving(Place({"/m": MODEL, "/n": models.slow()})) as place:
        fetch(settings(place.url("/m"), tmp_path), OUTSIDE)
        fetch(settings(place.url("/n"), tmp_path), OUTSIDE)
    assert content(tmp_path) == {"model.onnx": models.slow()}


def test_a_broken_connection_is_resumed(tmp_path: Path) -> None:
    with serving(Place({"/m": MODEL}, cuts=[50, 20])) as place:
        assert fetch(settings(place.url("/m"), tmp_path), OUTSIDE).digest == DIGEST
        assert place.asked == [("/m", None), ("/m", "bytes=50-"), ("/m", "bytes=70-")]


@pytest.mark.parametrize("how", [{"ranges": False}, {"validator": None}])
def test_without_ranges_or_proof_it_starts_again(how: dict[str, Any], tmp_path: Path) -> None:
    with serving(Place({"/m": MODEL}, cuts=[50], **how)) as place:
        assert fetch(settings(place.url("/m"), tmp_path), OUTSIDE).digest == DIGEST


def test_a_file_that_changes_under_way_is_not_patched_together(tmp_path: Path) -> None:
    place = Place({"/m": MODEL}, cuts=[50])

    def change() -> None:
        if len(place.asked) == 2:
            place.files["/m"], place.validator = models.slow(), '"v2"'

    place.between = change
    with serving(place):
        fetch(settings(place.url("/m"), tmp_path), OUTSIDE)
    assert content(tmp_path) == {"model.onnx": models.slow()}


def test_bad_moments_pass(tmp_path: Path) -> None:
    with serving(Place({"/m": MODEL}, statuses=[503, 500])) as place:
        assert fetch(settings(place.url("/m"), tmp_path), OUTSIDE).digest == DIGEST


def test_redirects_are_followed_but_not_anywhere(tmp_path: Path) -> None:
    with serving(Place({"/m": MODEL})) as place:
        place.redirect = place.url("/m")
        assert fetch(settings(place.url("/first"), tmp_path), OUTSIDE).digest == DIGEST
        for elsewhere in ("file:///etc/passwd?secret", "ftp://host/m?secret"):
            place.redirect = elsewhere
            with pytest.raises(ModelSourceUnreachable, match=r"not safe to follow|answered 302") as refused:
                fetch(settings(place.url("/again"), tmp_path), OUTSIDE)
            assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("place", "more", "kind", "told"),
    [
        (Place({}), {}, ModelNotFound, "answered 404 Not Found. Check spec.model.uri."),
        (Place({"/m": MODEL}, statuses=[403]), {}, ModelAccessDenied, "403"),
        (Place({"/m": MODEL}, statuses=[401]), {}, ModelAccessDenied, "401"),
        (Place({"/m": MODEL}, statuses=[503] * 9), {}, ModelSourceUnreachable, "tried 3 times"),
        (Place({"/m": MODEL}, cuts=[0] * 9), {}, ModelSourceUnreachable, "tried 3 times"),
        (Place({"/m": b"<!doctype html><h1>Log in</h1>"}), {}, ModelNotAModel, "an HTML page"),
        (Place({"/m": b""}), {}, ModelNotAModel, "empty"),
        (Place({"/m": MODEL[:100]}), {}, ModelCorrupt, "cut off"),
        (Place({"/m": MODEL}), {"model_max_bytes": 100}, ModelTooLarge, "MODELSERVER_MODEL_MAX_BYTES (100 bytes)"),
        (Place({"/m": MODEL}), {"model_digest": "sha256:" + "0" * 64}, DigestMismatch, DIGEST),
    ],
)
def test_failures_have_their_reason(
    place: Place, more: dict[str, Any], kind: type[ContainerError], told: str, tmp_path: Path
) -> None:
    with serving(place), pytest.raises(kind) as refused:
        fetch(settings(place.url("/m"), tmp_path, **more), OUTSIDE)
    assert told in str(refused.value)
    assert not (tmp_path / "artifact.json").exists()
    assert not (tmp_path / "content").exists()


def test_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(ModelSourceUnreachable, match="connection refused"):
        fetch(settings(f"http://127.0.0.1:{free_port()}/m", tmp_path, fetch_attempts=1), OUTSIDE)
    with pytest.raises(ModelSourceUnreachable, match="name can't be resolved"):
        fetch(settings("http://nowhere.invalid/m", tmp_path, fetch_attempts=1), OUTSIDE)


@pytest.mark.parametrize(
    ("uri", "told"),
    [
        (None, "MODELSERVER_MODEL_URI is not set"),
        ("ftp://host/m", "its scheme must be one of"),
        ("http:///m", "names no host"),
        ("http://user:secret@host/m", "no place for credentials"),
        ("s3://", "s3://bucket/key"),
    ],
)
def test_wrong_uris(uri: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match=told) as refused:
        fetch(settings(uri, tmp_path), OUTSIDE)
    assert "secret" not in str(refused.value)


def test_paths_are_for_outside_of_clusters(linear_model: Path, tmp_path: Path) -> None:
    assert fetch(settings(f"file://{linear_model}", tmp_path), OUTSIDE).digest == DIGEST
    with pytest.raises(BadSettings, match="in a cluster"):
        fetch(settings(str(linear_model), tmp_path / "b"), {"KUBERNETES_SERVICE_HOST": "10.0.0.1"})


@pytest.fixture
def claim(tmp_path: Path) -> Path:
    source = tmp_path / "source"
    (source / "digits/7/sub").mkdir(parents=True)
    (source / "digits/7/model.onnx").write_bytes(MODEL)
    (source / "digits/7/sub/weights.bin").write_bytes(b"12345")
    return source


def test_a_folder_of_a_claim(claim: Path, tmp_path: Path) -> None:
    to = tmp_path / "models"
    artifact = fetch(settings("pvc://claim/digits/7/", to, source_dir=claim), OUTSIDE)
    assert content(to) == {"model.onnx": MODEL, "sub/weights.bin": b"12345"}
    lines = f"model.onnx {len(MODEL)} {DIGEST[7:]}\nsub/weights.bin 5 {hashlib.sha256(b'12345').hexdigest()}\n"
    assert artifact.digest == f"sha256:{hashlib.sha256(lines.encode()).hexdigest()}"
    assert (artifact.files, artifact.entry) == (2, "model.onnx")


def test_a_file_of_a_claim(claim: Path, tmp_path: Path) -> None:
    artifact = fetch(settings("pvc://claim/digits/7/model.onnx", tmp_path / "m", source_dir=claim), OUTSIDE)
    assert artifact.digest == DIGEST


def test_nothing_outside_the_claim_can_be_named(claim: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.onnx").write_bytes(MODEL)
    (claim / "digits/7/link.onnx").symlink_to(tmp_path / "secret.onnx")
    for uri in ("pvc://claim/../secret.onnx", "pvc://claim/digits/7/link.onnx", "pvc://claim/digits/7/"):
        with pytest.raises(ModelNotFound, match="leads out of its volume"):
            fetch(settings(uri, tmp_path / "m", source_dir=claim), OUTSIDE)
    with pytest.raises(ModelNotFound, match="does not exist"):
        fetch(settings("pvc://claim/other", tmp_path / "m", source_dir=claim), OUTSIDE)


def test_the_recorded_digest_is_enforced(linear_model: Path, tmp_path: Path) -> None:
    document = {"generation": 1, "digests": {"abc": "sha256:" + "0" * 64, "good": DIGEST}}
    (tmp_path / "traffic.json").write_text(json.dumps(document))
    to, traffic = tmp_path / "m", {"traffic_dir": tmp_path}
    assert fetch(settings(str(linear_model), to, revision="good", **traffic), OUTSIDE).digest == DIGEST
    with pytest.raises(DigestMismatch, match="recorded for revision abc"):
        fetch(settings(str(linear_model), to, revision="abc", **traffic), OUTSIDE)
    with pytest.raises(DigestMismatch, match="not the one recorded"):
        fetch(settings(str(linear_model), to, revision="abc", model_digest=DIGEST, **traffic), OUTSIDE)


def s3(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ENDPOINT_URL", place.url(""))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_REGION", "us-east-1")


def test_a_file_and_a_folder_of_s3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"/b/digits/7/model.onnx": MODEL, "/b/digits/7/deep/w.bin": b"12345", "/b/digits/71/other.onnx": MODEL}
    with serving(Place(files)) as place:
        s3(place, monkeypatch)
        file = fetch(settings("s3://b/digits/7/model.onnx", tmp_path / "file"), OUTSIDE)
        folder = fetch(settings("s3://b/digits/7/", tmp_path / "folder"), OUTSIDE)
        same = fetch(settings("s3://b/digits/7", tmp_path / "same"), OUTSIDE)
    assert file.digest == DIGEST
    assert content(tmp_path / "folder") == {"model.onnx": MODEL, "deep/w.bin": b"12345"}
    assert folder.digest == same.digest != DIGEST


def test_s3_resumes_a_broken_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(Place({"/b/model.onnx": MODEL}, cuts=[40])) as place:
        s3(place, monkeypatch)
        assert fetch(settings("s3://b/model.onnx", tmp_path), OUTSIDE).digest == DIGEST


@pytest.mark.parametrize(
    ("files", "statuses", "kind"),
    [
        ({}, [], ModelNotFound),
        ({"/b/m": MODEL}, [403, 403, 403], ModelAccessDenied),
        ({"/b/m/../../x.onnx": MODEL}, [], ModelNotFound),
        ({"/b/m/readme.md": b"hello"}, [], ModelNotFound),
    ],
)
def test_s3_failures(
    files: dict[str, bytes],
    statuses: list[int],
    kind: type[ContainerError],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with serving(Place(files, statuses=statuses)) as place:
        s3(place, monkeypatch)
        with pytest.raises(kind) as refused:
            fetch(settings("s3://b/m", tmp_path), OUTSIDE)
    assert "s3://b/m" in str(refused.value)
    assert len(str(refused.value)) < 600


def test_the_container_says_what_happened(tmp_path: Path) -> None:
    log = tmp_path / "termination-log"
    log.touch()

    def run(uri: str) -> tuple[int, dict[str, Any]]:
        more = {
            "MODELSERVER_MODEL_URI": uri,
            "MODELSERVER_MODEL_DIR": str(tmp_path / "models"),
            "MODELSERVER_TERMINATION_LOG": str(log),
        }
        ended = subprocess.run(
            [sys.executable, "-m", "modelserver", "fetch"], env=environment(**more), capture_output=True, timeout=30
        )
        return ended.returncode, json.loads(log.read_text())

    with serving(Place({"/m.onnx": MODEL})) as place:
        assert run(place.url("/m.onnx")) == (0, {"digest": DIGEST, "bytes": len(MODEL)})
        code, said = run(place.url("/none.onnx"))
    assert code == 1
    assert said["reason"] == "ModelNotFound"
    assert said["message"] == f"{place.url('/none.onnx')} answered 404 Not Found. Check spec.model.uri."
