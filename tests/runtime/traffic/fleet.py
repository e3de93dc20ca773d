"""A stable and a candidate server, real processes, and the traffic document between them."""

import http.client
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.ports import free_port
from tests.runtime.processes import Server, infer_body, running

STABLE, CANDIDATE = "5table0000", "ca4d1date0"
BODY = infer_body([1, 2, 3, 4])
PATH = "/v2/models/tiny/infer"


@dataclass
class Fleet:
    """`apply` writes a document as the kubelet does and waits until the stable server reports its generation."""

    folder: Path
    stable: Server
    candidate: Server
    stable_grpc: int = 0
    candidate_grpc: int = 0
    generation: int = 0
    known: dict[str, Any] = field(default_factory=dict)

    def apply(self, **parts: Any) -> None:
        self.generation += 1
        to: dict[str, Any] = {"revision": CANDIDATE, "http": f"http://127.0.0.1:{self.candidate.port}"}
        if self.candidate_grpc:
            to["grpc"] = f"127.0.0.1:{self.candidate_grpc}"
        mount(self.folder, {"generation": self.generation, "stable": STABLE, "candidate": to, "unknown": 1, **parts})
        for server in (self.stable, self.candidate):
            if server.process.poll() is None:
                wait_until(lambda server=server: state(server)["generation"] == self.generation)  # type: ignore[misc]


def mount(folder: Path, document: Any, generation: str | None = None) -> None:
    """Write the file and swap the link `..data`, as the kubelet mounts a ConfigMap."""
    new = folder / f"..{generation or time.monotonic_ns()}"
    new.mkdir()
    (new / "traffic.json").write_text(document if isinstance(document, str) else json.dumps(document))
    link = folder / "..data_tmp"
    link.symlink_to(new.name)
    link.replace(folder / "..data")
    if not (folder / "traffic.json").is_symlink():
        (folder / "traffic.json").symlink_to("..data/traffic.json")


@contextmanager
def fleet(folder: Path, stable: bytes, candidate: bytes, grpc: bool = False, **settings: str) -> Iterator[Fleet]:
    """Both processes, ready, without a document. `settings` are of both."""
    models, traffic = folder / "models", folder / "traffic"
    models.mkdir()
    traffic.mkdir()
    (models / "stable.onnx").write_bytes(stable)
    (models / "candidate.onnx").write_bytes(candidate)
    ports = [str(free_port()) if grpc else "0" for _ in range(2)]
    told = {"MODELSERVER_TRAFFIC_DIR": str(traffic), **settings}
    first = {"MODELSERVER_REVISION": STABLE, "MODELSERVER_MODEL_VERSION": "1", "MODELSERVER_GRPC_PORT": ports[0]}
    second = {"MODELSERVER_REVISION": CANDIDATE, "MODELSERVER_MODEL_VERSION": "2", "MODELSERVER_GRPC_PORT": ports[1]}
    with (
        running(models / "stable.onnx", **{**told, **first}) as one,
        running(models / "candidate.onnx", **{**told, **second}) as other,
    ):
        yield Fleet(traffic, one, other, int(ports[0]), int(ports[1]))


class Client:
    """One kept-alive connection; never retries. `ask` gives the status, the headers and the body."""

    def __init__(self, server: Server) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)

    def ask(
        self, path: str = PATH, body: bytes = BODY, method: str = "POST", **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        self.connection.request(method, path, body=body if method == "POST" else None, headers=told)
        answer = self.connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()

    def revision(self, **how: Any) -> str:
        """Whose answer it was; fails where there is none."""
        status, headers, body = self.ask(**how)
        assert status == 200, body
        return headers["x-modelway-revision"]


def state(server: Server) -> Any:
    client = Client(server)
    status, _, body = client.ask("/modelway/state", method="GET")
    client.connection.close()
    assert status == 200, body
    return json.loads(body)


def wait_until(true: Any, seconds: float = 10.0) -> None:
    """Poll a condition of another process."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "what was waited for did not come"
        time.sleep(0.02)
