"""Who may call over gRPC, and what callers together may hold: the same keys, certificates and bounds as over HTTP."""

import hashlib
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, cast

import grpc
import numpy as np
import pytest

from bench.ports import free_port
from modelserver.errors import Overloaded
from modelserver.grpc_api.admission import Admission
from modelserver.grpc_api.calls import HEALTH
from modelserver.settings import ServeSettings
from tests.runtime import models
from tests.runtime.processes import environment
from tests.runtime.test_access import certificate, eventually
from tests.runtime.test_grpc import CODE, SERVICE, Client, message, request, serving


def keyed(key: str) -> dict[str, Any]:
    return {"metadata": (("authorization", f"Bearer {key}"),)}


def test_the_keys_of_http_hold_here_and_change_with_them(linear_model: Path, tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"alpha\nsha256:{hashlib.sha256(b'beta').hexdigest()}\n")
    with serving(linear_model, MODELSERVER_API_KEYS_FILE=str(file)) as (_, port):
        client = Client(port)
        code, words = client.refused("ModelInfer", request())
        assert code is CODE.UNAUTHENTICATED
        assert words == "There is no API key in the call. Send the metadata 'authorization: Bearer KEY'."
        client.call("ModelInfer", request(), **keyed("alpha"))
        client.call("ModelInfer", request(), metadata=(("x-api-key", "beta"),))
        assert client.refused("ModelInfer", request(), **keyed("gamma"))[0] is CODE.UNAUTHENTICATED
        two = (("authorization", "Bearer alpha"), ("x-api-key", "alpha"))
        assert client.refused("ModelInfer", request(), metadata=two)[0] is CODE.UNAUTHENTICATED
        for name in ("ModelMetadata", "ModelReady", "ServerMetadata", "RepositoryIndex"):
            assert client.refused(name, message(f"{name}Request"))[0] is CODE.UNAUTHENTICATED
        for probe in ("ServerLive", "ServerReady"):
            client.call(probe, message(f"{probe}Request"))
        client.call("/grpc.health.v1.Health/Check", HEALTH.message("HealthCheckRequest")())
        file.write_text("gamma\n")
        eventually(lambda: answered(client, **keyed("gamma")))
        assert not answered(client, **keyed("alpha"))


def answered(client: Client, **how: Any) -> bool:
    try:
        client.call("ModelInfer", request(), **how)
    except grpc.RpcError:
        return False
    return True


class SecureClient(Client):
    """One that trusts this certificate only, over a connection of its own."""

    def __init__(self, port: int, trusted: Path) -> None:
        credentials = grpc.ssl_channel_credentials(trusted.read_bytes())
        own = [("grpc.use_local_subchannel_pool", 1)]
        self.channel = grpc.secure_channel(f"localhost:{port}", credentials, options=own)


def test_tls_and_its_exchange(linear_model: Path, tmp_path: Path) -> None:
    first, second = certificate(tmp_path, "first"), certificate(tmp_path, "second")
    cert, key = tmp_path / "tls.crt", tmp_path / "tls.key"

    def put(pair: tuple[Path, Path]) -> None:
        for source, target in zip(pair, (cert, key), strict=True):
            target.with_suffix(".new").write_bytes(source.read_bytes())
            target.with_suffix(".new").replace(target)

    put(first)
    with tls_server(linear_model, cert, key) as port:
        eventually(lambda: answered(SecureClient(port, first[0])))
        assert not answered(Client(port))
        put(second)
        eventually(lambda: answered(SecureClient(port, second[0])))
        assert not answered(SecureClient(port, first[0]))


@contextmanager
def tls_server(model: Path, cert: Path, key: Path) -> Iterator[int]:
    """The gRPC port of a server whose HTTP port speaks TLS, too, so that nobody waits for it with plain HTTP."""
    port = free_port()
    settings = {"MODELSERVER_HTTP_PORT": str(free_port()), "MODELSERVER_GRPC_PORT": str(port)}
    settings |= {"MODELSERVER_TLS_CERT": str(cert), "MODELSERVER_TLS_KEY": str(key), "MODELSERVER_MODEL_NAME": "tiny"}
    command = [sys.executable, "-m", "modelserver", "serve", str(model)]
    process = subprocess.Popen(command, env=environment(**settings), stderr=subprocess.DEVNULL)
    try:
        yield port
    finally:
        process.kill()
        process.wait()


def never(stop: threading.Event) -> Iterator[bytes]:
    """A message that does not come."""
    stop.wait(60)
    yield from ()


def test_messages_that_never_come_make_room_for_others(linear_model: Path) -> None:
    """A dozen callers open a call and send nothing; four may be on their way in at a time."""
    stop = threading.Event()
    settings = {"MODELSERVER_MAX_BUFFERED_BYTES": "4Mi", "MODELSERVER_MAX_BODY_BYTES": "1Mi"}
    with serving(linear_model, **settings) as (_, port):
        slow = [Client(port) for _ in range(12)]
        calls = [one.channel.stream_unary(SERVICE + "ModelInfer").future(never(stop), timeout=60) for one in slow]
        client = Client(port)
        for _ in range(3):
            client.call("ModelInfer", request(), timeout=20)
        assert any(call.done() for call in calls)
        stop.set()


class Call:
    """A call as its handler sees it."""

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        return ()

    def is_active(self) -> bool:
        return True

    def cancel(self) -> None:
        raise AssertionError("nobody is slow here")


def test_messages_that_are_not_answered_yet_are_bounded_together() -> None:
    admission = Admission(ServeSettings(max_buffered_bytes=1000, max_body_bytes=1000), None)

    def held(stack: ExitStack, size: int) -> bytes:
        context = cast(grpc.ServicerContext, Call())
        return stack.enter_context(admission.message(f"{SERVICE}ModelInfer", iter([bytes(size)]), context))

    with ExitStack() as stack:
        assert len(held(stack, 600)) == 600
        held(stack, 400)
        with pytest.raises(Overloaded, match="The server holds 1000 bytes of unanswered calls, its limit"):
            held(stack, 1)
        assert admission.held == 1000
    assert admission.held == 0
    with ExitStack() as stack:
        held(stack, 5000)  # alone, so nobody else is harmed


def test_calls_are_in_the_gauges(tmp_path: Path) -> None:
    path = tmp_path / "slow.onnx"
    path.write_bytes(models.slow(1024))
    settings = {"MODELSERVER_EXECUTION": "thread", "MODELSERVER_BATCHING": "off"}
    with serving(path, **settings) as (server, port):
        send = Client(port).channel.unary_unary(SERVICE + "ModelInfer", lambda one: one.SerializeToString())
        calls = [send.future(request(np.ones(1, np.float32)), timeout=60) for _ in range(12)]
        eventually(lambda: "modelserver_requests_in_flight 12\n" in metrics(server.url("/metrics")))
        assert "modelserver_buffered_bytes 0\n" not in metrics(server.url("/metrics"))
        assert [call.code() for call in calls] == [CODE.OK] * 12
        told = metrics(server.url("/metrics"))
    assert "modelserver_requests_in_flight 0\n" in told
    assert "modelserver_buffered_bytes 0\n" in told
    assert 'modelserver_request_duration_seconds_count{path="grpc ModelInfer"} 12' in told


def metrics(url: str) -> str:
    with urllib.request.urlopen(url) as page:
        return str(page.read().decode())


def test_a_call_without_its_message_is_refused(linear_model: Path) -> None:
    with serving(linear_model) as (_, port):
        send = Client(port).channel.stream_unary(SERVICE + "ModelInfer")
        with pytest.raises(grpc.RpcError) as refusal:
            send(iter(()), timeout=20)
    assert refusal.value.code() is CODE.INVALID_ARGUMENT
