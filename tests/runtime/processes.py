"""A real server process on loopback, and what tests do with it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.ports import free_port

QUICK_DRAIN = {"MODELSERVER_DRAIN_MIN_SECONDS": "0", "MODELSERVER_DRAIN_SECONDS": "3"}


@dataclass
class Server:
    """A running `modelserver serve`."""

    process: subprocess.Popen[str]
    port: int
    name: str

    def connect(self, timeout: float = 10.0) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=timeout)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def wait(self, timeout: float = 20.0) -> int:
        return self.process.wait(timeout)


def environment(**more: str) -> dict[str, str]:
    """This process's environment without settings of ours, and without CI, which switches telemetry off by itself."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("MODELSERVER_", "AWS_", "ORT_")) and k != "CI"}
    clean["PYTHONPATH"] = str(Path(__file__).parents[2] / "runtime")
    return clean | more


@contextmanager
def running(model: Path, name: str = "tiny", **settings: str) -> Iterator[Server]:
    """Start a server, wait until it is ready, and end it in any case."""
    port = free_port()
    command = [sys.executable, "-m", "modelserver", "serve", str(model)]
    told = {"MODELSERVER_HTTP_PORT": str(port), "MODELSERVER_MODEL_NAME": name, **QUICK_DRAIN, **settings}
    process = subprocess.Popen(command, env=environment(**told), stderr=subprocess.PIPE, text=True)
    server = Server(process, port, name)
    try:
        wait_ready(server)
        yield server
    finally:
        process.kill()
        process.wait()
        if process.stderr:
            process.stderr.close()


def wait_ready(server: Server, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if server.process.poll() is not None:
            assert server.process.stderr is not None
            raise AssertionError(f"The server ended: {server.process.stderr.read()}")
        try:
            with server.connect() as client:
                client.sendall(b"GET /v2/health/ready HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n")
                if b" 200 " in client.recv(65536):
                    return
        except ConnectionRefusedError:
            pass  # not listening yet
        time.sleep(0.02)
    raise AssertionError("The server did not become ready.")


def infer_body(values: list[float]) -> bytes:
    """A request to models.linear() of one row of four."""
    entry = {"name": "x", "shape": [1, 4], "datatype": "FP32", "data": values}
    return json.dumps({"inputs": [entry]}).encode()


def post(path: str, body: bytes, *headers: str) -> bytes:
    """The bytes of an HTTP/1.1 POST with a Content-Length."""
    lines = [f"POST {path} HTTP/1.1", "Host: test", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> object:
        return json.loads(self.body)


class Reader:
    """Reads answers one by one from a socket, pipelined or not."""

    def __init__(self, client: socket.socket) -> None:
        self.client, self.rest = client, b""

    def answer(self, bodiless: bool = False) -> Answer:
        while b"\r\n\r\n" not in self.rest:
            self._more()
        head, _, self.rest = self.rest.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines)
        length = 0 if bodiless else int(headers.get("content-length", 0))
        while len(self.rest) < length:
            self._more()
        body, self.rest = self.rest[:length], self.rest[length:]
        return Answer(int(first.split()[1]), headers, body)

    def ended(self) -> bool:
        """Whether the server has closed, with nothing more to say."""
        return self.rest == b"" and self.client.recv(1) == b""

    def _more(self) -> None:
        data = self.client.recv(65536)
        if not data:
            raise ConnectionError(f"The server closed; so far: {self.rest[:200]!r}")
        self.rest += data


def scraped(server: Server) -> str:
    """The text of /metrics."""
    with server.connect() as client:
        client.sendall(b"GET /metrics HTTP/1.1\r\nHost: t\r\n\r\n")
        return Reader(client).answer().body.decode()
