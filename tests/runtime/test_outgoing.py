"""The server calls nobody: seen by the kernel (strace), and by Python's own audit of what it connects to."""

import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from bench.ports import free_port
from tests.runtime.processes import Server, environment, infer_body, wait_ready
from tests.runtime.test_access import eventually
from tests.runtime.test_grpc import Client, request

CONNECT = re.compile(r"connect\(\d+, \{sa_family=(\w+), (.*?)\}, \d+\)")


def strace_works() -> bool:
    """It is not on every machine, and in some containers nobody may trace."""
    if shutil.which("strace") is None:
        return False
    return subprocess.run(["strace", "-e", "trace=connect", "true"], capture_output=True).returncode == 0


def used(command: list[str], port: int, grpc_port: int, seconds: float, **settings: str) -> None:
    """Start a server with this command, ask it everything, let it rest, and end it with SIGTERM."""
    settings |= {"MODELSERVER_HTTP_PORT": str(port), "MODELSERVER_GRPC_PORT": str(grpc_port)}
    settings |= {
        "MODELSERVER_MODEL_NAME": "tiny",
        "MODELSERVER_DRAIN_SECONDS": "0",
        "MODELSERVER_DRAIN_MIN_SECONDS": "0",
    }
    process = subprocess.Popen(command, env=environment(**settings), stderr=subprocess.PIPE, text=True)
    try:
        wait_ready(Server(process, port, "tiny"), 60)
        url = f"http://127.0.0.1:{port}"
        for path in ("/", "/openapi.json", "/metrics", "/v2/models/tiny", "/nothing"):
            httpx.get(url + path)
        assert httpx.post(f"{url}/v2/models/tiny/infer", content=infer_body([1, 2, 3, 4])).status_code == 200
        Client(grpc_port).call("ModelInfer", request())
        time.sleep(seconds)  # for what might be sent later, in the background
        process.terminate()
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()


@pytest.mark.skipif(not strace_works(), reason="strace is not installed, or nobody may trace here")
def test_the_kernel_sees_no_connection_from_start_to_end(linear_model: Path, tmp_path: Path) -> None:
    log = tmp_path / "strace"
    # -D: the server is our child, which gets SIGTERM and whose exit code we see, and strace its grandchild.
    traced = ["strace", "-D", "-f", "--seccomp-bpf", "-e", "trace=connect", "-o", str(log)]
    used(
        [*traced, sys.executable, "-m", "modelserver", "serve", str(linear_model)], free_port(), free_port(), seconds=2
    )
    eventually(lambda: "+++ exited with 0 +++" in log.read_text())
    assert [line for line in log.read_text().splitlines() if "connect(" in line] == []


HOOK = """
import json, sys
seen = []
def hook(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo", "socket.gethostbyname"):
        seen.append([event, repr(arguments[1:])])
sys.addaudithook(hook)
from modelserver.cli import main
code = main(sys.argv[2:])
open(sys.argv[1], "w").write(json.dumps([code, seen]))
"""


def test_python_connects_to_nobody_and_looks_nobody_up(linear_model: Path, tmp_path: Path) -> None:
    told = tmp_path / "told"
    used([sys.executable, "-c", HOOK, str(told), "serve", str(linear_model)], free_port(), free_port(), seconds=0)
    assert json.loads(told.read_text()) == [0, []]


def test_both_would_see_one(tmp_path: Path) -> None:
    """Else the tests above would pass for ever."""
    connect = "import socket; s = socket.socket(); s.settimeout(1); s.connect_ex(('127.0.0.1', 9))"
    if strace_works():
        log = tmp_path / "strace"
        subprocess.run(
            ["strace", "-f", "-e", "trace=connect", "-o", str(log), sys.executable, "-c", connect], check=True
        )
        assert [found[1] for found in CONNECT.finditer(log.read_text())] == ["AF_INET"]
    audited = HOOK.replace("from modelserver.cli import main\ncode = main(sys.argv[2:])", f"code = 0\n{connect}")
    told = tmp_path / "told"
    subprocess.run([sys.executable, "-c", audited, str(told)], check=True)
    assert [event for event, _ in json.loads(told.read_text())[1]] == ["socket.connect"]
