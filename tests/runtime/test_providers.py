"""Execution providers: what is asked for is used, or refused with what is there; never silently replaced."""

import json
import logging
import os
import urllib.request
from pathlib import Path

import pytest

from modelserver.cli import main
from modelserver.errors import BadSettings, ModelCorrupt
from modelserver.inspect import inspect
from modelserver.providers import CPU, Provider, parse, resolve
from modelserver.session import load
from modelserver.settings import ServeSettings, read
from modelserver.threads import Cpus
from tests.runtime.processes import running, scraped

ONE_CPU = Cpus(quota=1.0, allowed=1)
INSTALLED = ("TensorrtExecutionProvider", "CUDAExecutionProvider", CPU)


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("auto", ()),
        ("Auto", ()),
        ("cuda,cpu", (Provider("cuda"), Provider("cpu"))),
        ("CUDAExecutionProvider, CPU", (Provider("CUDAExecutionProvider"), Provider("CPU"))),
        ("cuda:device_id=1;use_tf32=0", (Provider("cuda", (("device_id", "1"), ("use_tf32", "0"))),)),
        ("openvino:device_type=CPU,cpu", (Provider("openvino", (("device_type", "CPU"),)), Provider("cpu"))),
    ],
)
def test_what_the_setting_says(text: str, asked: tuple[Provider, ...]) -> None:
    assert parse(text) == asked


@pytest.mark.parametrize("text", ["cuda,,cpu", "cuda cpu", "cuda:device_id", "cuda:=1", "cpu,CPUExecutionProvider"])
def test_what_it_may_not_say(text: str) -> None:
    with pytest.raises(BadSettings, match=r"MODELSERVER_PROVIDERS is .* but it must be"):
        read(ServeSettings, {}, {"MODELSERVER_PROVIDERS": text})


def test_names_are_onnx_runtimes_in_any_spelling() -> None:
    assert [one.name for one in resolve(parse("cUda,tensorRT,cpuExecutionProvider"), INSTALLED)] == [
        "CUDAExecutionProvider",
        "TensorrtExecutionProvider",
        CPU,
    ]
    assert resolve((), INSTALLED) == (Provider(CPU),)


def test_what_is_not_installed_is_refused_with_what_is_and_the_remedy(linear_model: Path) -> None:
    with pytest.raises(BadSettings, match=r"'cuda', but the installed ONNX Runtime has .*cpu.*onnxruntime-gpu"):
        load(linear_model, ONE_CPU, None, parse("cuda,cpu"))
    with pytest.raises(BadSettings, match="was built with it"):
        load(linear_model, ONE_CPU, None, parse("nonesuch"))


def test_who_took_the_nodes_is_told(linear_model: Path) -> None:
    """The package on PyPI brings a second provider, Azure's, that starts anywhere and takes no ordinary node."""
    session = load(linear_model, ONE_CPU, None, parse("azure,cpu"))
    assert (session.facts["providers"], session.facts["nodes"]) == ("azure,cpu", "cpu:1")
    assert inspect(linear_model, parse("azure,cpu")).runtime["providers"] == "azure,cpu"


def test_the_model_is_at_fault_where_it_is(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"<html>")
    with pytest.raises(ModelCorrupt):
        load(path, ONE_CPU, None, parse("azure"))


def test_metrics_and_the_log_say_it(linear_model: Path) -> None:
    with running(linear_model, MODELSERVER_PROVIDERS="azure,cpu") as server:
        [line] = [line for line in scraped(server).splitlines() if line.startswith("modelserver_session_info{")]
        assert 'providers="azure,cpu"' in line and 'nodes="cpu:1"' in line
        with urllib.request.urlopen(server.url("/v2/models/tiny"), timeout=10) as answer:
            assert json.load(answer)["parameters"] == {"providers": "azure,cpu", "nodes": "cpu:1"}
        server.process.kill()
        assert server.process.stderr is not None
        assert "providers azure,cpu, nodes cpu:1" in server.process.stderr.read()


def test_the_server_does_not_start_without_what_was_asked_for(
    linear_model: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELSERVER_PROVIDERS", "cuda")
    assert main(["inspect", str(linear_model)]) == 1
    assert "BadSettings: MODELSERVER_PROVIDERS asks for 'cuda'" in capsys.readouterr().err


@pytest.mark.skipif("MODELSERVER_TEST_OPENVINO" not in os.environ, reason="needs onnxruntime-openvino; see models.md")
def test_a_provider_whose_device_is_missing(linear_model: Path, caplog: pytest.LogCaptureFixture) -> None:
    """OpenVINO is installed, and takes all nodes on the CPU; a GPU of Intel's is not there."""
    assert load(linear_model, ONE_CPU, None, parse("openvino:device_type=CPU")).facts["nodes"] == "openvino:1"
    with pytest.raises(BadSettings, match=r"openvino of MODELSERVER_PROVIDERS did not start: .*openvino,cpu"):
        load(linear_model, ONE_CPU, None, parse("openvino:device_type=GPU"))
    with caplog.at_level(logging.WARNING):
        session = load(linear_model, ONE_CPU, None, parse("openvino:device_type=GPU,cpu"))
    assert session.facts["providers"] == "cpu"
    assert "openvino did not start, cpu is tried" in caplog.text
