"""gRPC calls in the access log: the same fields as REST's, of the same sample."""

import json
import time
from pathlib import Path
from typing import Any

import grpc
import pytest

from bench.ports import free_port
from modelserver.server.access_log import AccessLog
from modelserver.server.app import Reply
from modelserver.server.http1 import Head
from tests.runtime.processes import running
from tests.runtime.test_access_log import PARENT
from tests.runtime.test_grpc import SERVICE, Client, request

PATH = f"{SERVICE}ModelInfer"


def test_the_same_fields_as_rest(capsys: pytest.CaptureFixture[str]) -> None:
    log, error = AccessLog(1.0), Reply(404, b"{}", error="NotFound")
    traced = (("traceparent", PARENT), ("x-request-id", "a-1"), ("x-user", "secret"))
    assert log.record_call(PATH, traced, (), error, 0.0012345678) == (("x-request-id", "a-1"),)
    head = Head("POST", PATH, 0, True, False, echo=f"traceparent: {PARENT}\r\nx-request-id: a-1\r\n")
    log.record(head, error, 0.0012345678)
    call, rest = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert call.pop("time")[:-4] == rest.pop("time")[:-4]
    assert call == {**rest, "method": "gRPC"}


@pytest.mark.parametrize("given", ["", "a b", "a" * 129])
def test_an_id_is_made_up_where_none_of_the_usual_form_came(given: str, capsys: pytest.CaptureFixture[str]) -> None:
    [(name, told)] = AccessLog(1.0).record_call(PATH, (("x-request-id", given),), (), Reply(200, b""), 0.1)
    assert (name, told) == ("x-request-id", json.loads(capsys.readouterr().out)["request_id"]) and len(told) == 32


def test_a_candidate_s_id_is_the_one_that_is_logged(capsys: pytest.CaptureFixture[str]) -> None:
    log, trailing = AccessLog(1.0), (("x-request-id", "theirs"),)
    assert log.record_call(PATH, (), trailing, Reply(200, b""), 0.1) == trailing
    passed_back = Reply(200, b"", head=b"content-type: text/plain\r\nX-Request-Id: theirs\r\n")
    assert log.record(Head("POST", "/", 0, True, False), passed_back, 0.1) == ""
    assert [json.loads(line)["request_id"] for line in capsys.readouterr().out.splitlines()] == ["theirs"] * 2


def test_a_sample(capsys: pytest.CaptureFixture[str]) -> None:
    log = AccessLog(0.5)
    for _ in range(200):
        log.record_call(PATH, (), (), Reply(200, b""), 0.1)
    assert 50 < len(capsys.readouterr().out.splitlines()) < 150  # 7 standard deviations either side


def test_calls_of_a_real_server(linear_model: Path, capfd: pytest.CaptureFixture[str]) -> None:
    port = free_port()
    with running(linear_model, MODELSERVER_GRPC_PORT=str(port), MODELSERVER_ACCESS_LOG_SAMPLE="1"):
        client = Client(port)
        answer, call = client.call("ModelInfer", request(), metadata=[("x-request-id", "b-2")])
        assert dict(call.trailing_metadata())["x-request-id"] == "b-2"
        client.refused("ModelInfer", request(name="other"))
        with pytest.raises(grpc.RpcError) as refused:
            client.channel.unary_unary(f"{SERVICE}RepositoryModelUnload")(b"", timeout=30)
        assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED
        assert refused.value.details().startswith("Models are not loaded or unloaded by requests here")
        lines = logged(capfd, 3)
    infer, wrong, unload = (line for line in lines if line["method"] == "gRPC")
    assert (infer["path"], infer["status"], infer["bytes"]) == (PATH, 200, len(answer.SerializeToString()))
    assert infer["request_id"] == "b-2" and 0 < infer["seconds"] < 30
    assert (wrong["status"], wrong["error"]) == (400, "InvalidTensor")
    assert (unload["path"], unload["status"], unload["error"]) == (
        f"{SERVICE}RepositoryModelUnload",
        405,
        "MethodNotAllowed",
    )


def logged(capfd: pytest.CaptureFixture[str], calls: int) -> list[dict[str, Any]]:
    """The lines so far, when there are so many of gRPC."""
    text, end = "", time.monotonic() + 10
    while text.count('"gRPC"') < calls and time.monotonic() < end:
        text += capfd.readouterr().out
        time.sleep(0.02)
    return [json.loads(line) for line in text.splitlines()]
