"""The Open Inference Protocol over gRPC: a real server process, and real clients of it."""

import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from bench.ports import free_port
from modelserver.errors import STATUS_BY_ERROR
from modelserver.grpc_api.calls import ANSWERS, HEALTH, methods
from modelserver.grpc_api.status import CODES
from modelserver.protocol.messages import PROTO
from tests.runtime.collectors import collecting
from tests.runtime.processes import Server, environment, running

SERVICE = "/inference.GRPCInferenceService/"
CODE = grpc.StatusCode
PROGRAM = Path(__file__).with_name("triton_calls.py")
ONE = np.ones((1, 4), np.float32)


class Client:
    """One channel; `call` sends a message and gives the answer, or raises grpc.RpcError. It never retries."""

    def __init__(self, *ports: int) -> None:
        self.channel = grpc.insecure_channel(
            "ipv4:" + ",".join(f"127.0.0.1:{port}" for port in ports),
            options=[
                ("grpc.max_receive_message_length", -1),
                ("grpc.max_send_message_length", -1),
                ("grpc.use_local_subchannel_pool", 1),  # a connection each, though they are of one process
            ],
        )

    def call(self, name: str, request: Any, **how: Any) -> tuple[Any, grpc.Call]:
        path = name if name.startswith("/") else SERVICE + name
        proto = HEALTH if "Health" in path else PROTO
        answer = proto.message(proto.methods()[path][1])
        send = self.channel.unary_unary(path, lambda message: message.SerializeToString(), answer.FromString)
        return send.with_call(request, **{"timeout": 30, **how})  # type: ignore[no-any-return]

    def refused(self, name: str, request: Any, **how: Any) -> tuple[grpc.StatusCode, str]:
        with pytest.raises(grpc.RpcError) as refusal:
            self.call(name, request, **how)
        return refusal.value.code(), refusal.value.details()


def message(name: str, **fields: Any) -> Any:
    return PROTO.message(name)(**fields)


def request(array: Any = ONE, name: str = "x", datatype: str = "FP32", **fields: Any) -> Any:
    asked = message("ModelInferRequest", **{"model_name": "tiny", **fields})
    asked.inputs.add(name=name, datatype=datatype, shape=array.shape)
    asked.raw_input_contents.append(array.tobytes())
    return asked


@contextmanager
def serving(model: Path, **settings: str) -> Iterator[tuple[Server, int]]:
    port = free_port()
    with running(model, MODELSERVER_GRPC_PORT=str(port), **settings) as server:
        yield server, port


def test_a_call_is_a_span_of_its_callers_trace(linear_model: Path) -> None:
    trace, caller = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    with collecting() as collector, serving(linear_model, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url) as (server, port):
        client = Client(port)
        client.call("ModelInfer", request(), metadata=[("traceparent", f"00-{trace}-{caller}-01")])
        client.call("ModelInfer", request(), metadata=[("traceparent", f"00-{trace}-{caller}-00")])
        client.call("ServerLive", message("ServerLiveRequest"))
        client.refused("ModelInfer", request(name="z"))
        client.channel.close()
        server.terminate()
        assert server.wait() == 0
        good, bad = collector.spans
    assert (good["traceId"], good["parentSpanId"], good["kind"]) == (trace, caller, 2)
    assert good["name"] == bad["name"] == "inference.GRPCInferenceService/ModelInfer"
    assert {"key": "error.type", "value": {"stringValue": "InvalidTensor"}} in bad["attributes"]


@pytest.fixture(scope="module")
def port(linear_model: Path) -> Iterator[int]:
    limits = {"MODELSERVER_MAX_BODY_BYTES": "20Mi", "MODELSERVER_REVISION": "6f9c", "MODELSERVER_MODEL_VERSION": "7"}
    with serving(linear_model, **limits) as (_, port):
        yield port


@pytest.fixture
def client(port: int) -> Client:
    return Client(port)


def triton(story: str, port: int) -> None:
    """Run a story of triton_calls.py; it fails where the story fails."""
    command = [sys.executable, str(PROGRAM), story, str(port)]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("story", ["crowd", "published"])
def test_tritonclient(port: int, story: str) -> None:
    triton(story, port)


def test_an_answer_is_raw_and_says_who_answered(client: Client) -> None:
    answer, call = client.call("ModelInfer", request(id="a1", model_version="7"))
    assert (answer.model_name, answer.model_version, answer.id) == ("tiny", "7", "a1")
    assert [(one.name, one.datatype, list(one.shape)) for one in answer.outputs] == [("y", "FP32", [1, 3])]
    assert not answer.outputs[0].HasField("contents")
    got = np.frombuffer(answer.raw_output_contents[0], np.float32)
    np.testing.assert_allclose(got, [0.4, 1.4, 2.4], rtol=1e-6)
    assert dict(call.trailing_metadata()) == {"x-modelway-revision": "6f9c", "x-modelway-version": "7"}


REFUSALS = {
    "another model": (request(model_name="other"), CODE.NOT_FOUND, "There is no model 'other' here"),
    "another version": (request(model_version="8"), CODE.NOT_FOUND, "There is no version '8' of 'tiny' here"),
    "an unknown input": (request(name="z"), CODE.INVALID_ARGUMENT, "There is no input 'z'; the model takes 'x'."),
    "another datatype": (request(datatype="FP64"), CODE.INVALID_ARGUMENT, "came as FP64, but the model takes FP32"),
    "another shape": (request(np.ones((1, 5), np.float32)), CODE.INVALID_ARGUMENT, "has shape [1, 5], but"),
    "no input": (message("ModelInferRequest", model_name="tiny"), CODE.INVALID_ARGUMENT, "Input 'x' is missing"),
}


@pytest.mark.parametrize("what", REFUSALS)
def test_refusals_are_sentences_with_a_code(client: Client, what: str) -> None:
    asked, code, words = REFUSALS[what]
    got, details = client.refused("ModelInfer", asked)
    assert got is code
    assert words in details


def test_the_revision_is_a_version_too(client: Client) -> None:
    client.call("ModelInfer", request(model_version="6f9c"))


def test_bytes_that_are_no_message_are_refused(client: Client) -> None:
    send = client.channel.unary_unary(SERVICE + "ModelInfer")
    with pytest.raises(grpc.RpcError) as refusal:
        send(b"\xff\xff", timeout=30)
    assert refusal.value.code() is CODE.INVALID_ARGUMENT
    assert "is not a inference.ModelInferRequest" in refusal.value.details()


def test_large_messages_up_to_the_limit(client: Client) -> None:
    answer, _ = client.call("ModelInfer", request(np.ones((1_200_000, 4), np.float32)))
    assert list(answer.outputs[0].shape) == [1_200_000, 3]
    code, details = client.refused("ModelInfer", request(np.ones((1_400_000, 4), np.float32)))
    assert code is CODE.RESOURCE_EXHAUSTED
    assert "larger than max" in details


def test_compressed_messages_are_refused(client: Client) -> None:
    code, _ = client.refused("ModelInfer", request(), compression=grpc.Compression.Gzip)
    assert code is CODE.UNIMPLEMENTED


def test_health_is_standard(client: Client) -> None:
    asked = HEALTH.message("HealthCheckRequest")
    for service in ("", "inference.GRPCInferenceService"):
        answer, _ = client.call("/grpc.health.v1.Health/Check", asked(service=service))
        assert answer.status == 1
    assert client.refused("/grpc.health.v1.Health/Check", asked(service="x"))[0] is CODE.NOT_FOUND


def test_calls_are_counted(linear_model: Path) -> None:
    with serving(linear_model) as (server, port):
        client = Client(port)
        for _ in range(3):
            client.call("ModelInfer", request())
        client.refused("ModelInfer", request(name="z"))
        with urllib.request.urlopen(server.url("/metrics")) as page:
            told = page.read().decode()
    assert 'modelserver_requests_total{path="grpc ModelInfer",code="200"} 3' in told
    assert 'modelserver_requests_total{path="grpc ModelInfer",code="400"} 1' in told
    assert 'modelserver_errors_total{kind="InvalidTensor"} 1' in told


def test_a_port_that_is_taken_is_told(linear_model: Path) -> None:
    with serving(linear_model) as (_, port):
        command = [sys.executable, "-m", "modelserver", "serve", str(linear_model), "--http-port", "0"]
        command += ["--grpc-port", str(port)]
        second = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=30)
    assert second.returncode == 1
    assert f"BadSettings: The server can't listen for gRPC on [::]:{port}" in second.stderr


def test_without_a_port_grpc_is_not_imported(linear_model: Path) -> None:
    program = (
        "import sys, threading, os, signal\n"
        "from modelserver.cli import main\n"
        "threading.Timer(1.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()\n"
        f"code = main(['serve', {str(linear_model)!r}, '--http-port', '0'])\n"
        "loaded = sorted(name for name in sys.modules if name.split('.')[0] in ('grpc', 'google'))\n"
        "print(code, 'onnxruntime' in sys.modules, loaded)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment(), capture_output=True, text=True, timeout=30
    )
    assert done.stdout == "0 True []\n", done.stderr


def test_every_call_has_an_answer_and_every_error_a_code() -> None:
    assert set(methods()) == set(ANSWERS)
    assert set(CODES) == set(STATUS_BY_ERROR.values())
