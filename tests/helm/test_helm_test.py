"""What `helm test` does, against a small API server of our own: it fails for what can be wrong, and cleans up."""

from __future__ import annotations

import importlib.util
import json
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import ModuleType
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from tests.helm import tiny_model
from tests.helm.chart import CHART

SCRIPT = CHART / "files" / "serves_a_model.py"
COLLECTION = "/apis/modelway.io/v1alpha1/namespaces/team-a/modeldeployments"


def load() -> ModuleType:
    """The script as a module: it lies in the chart, outside any package."""
    spec = importlib.util.spec_from_file_location("serves_a_model", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["serves_a_model"] = module
    spec.loader.exec_module(module)
    return module


script = load()


@dataclass
class Cluster:
    """An API server, an operator and a model in one: what it is told to be."""

    ready: bool = True
    answer: list[float] = field(default_factory=lambda: list(script.ANSWER))
    pods_stay: bool = False
    models: dict[str, dict[str, Any]] = field(default_factory=dict)
    created: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""

    def respond(self, method: str, path: str, body: Any) -> tuple[int, dict[str, Any]]:
        if path == f"/v2/models/{self.name}/infer":
            return 200, {"outputs": [{"name": "y", "data": self.answer}]}
        if path == COLLECTION:
            self.created.append(body)
            self.models[body["metadata"]["name"]] = body
            return 201, body
        if path.startswith(f"{COLLECTION}/"):
            return self.one(method, path.rsplit("/", 1)[1])
        left = [{"metadata": {"name": "a-pod"}}] if self.pods_stay and self.created and "/pods?" in path else []
        return 200, {"items": left}

    name = "modelway-test"

    def one(self, method: str, name: str) -> tuple[int, dict[str, Any]]:
        if name not in self.models:
            return 404, {"message": "not found"}
        if method == "DELETE":
            return 200, self.models.pop(name)
        ready = {"type": "Ready", "status": str(self.ready), "reason": "ModelNotFound", "message": "it answered 404"}
        return 200, {
            **self.models[name],
            "status": {"conditions": [ready], "endpoints": {"http": f"{self.url}/v2/models/{name}"}},
        }


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    world = Cluster()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            code, document = world.respond(self.command, self.path, json.loads(self.rfile.read(length) or "null"))
            content = json.dumps(document).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_DELETE = do_GET

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        world.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield world
        server.shutdown()


@pytest.fixture(autouse=True)
def no_long_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("READY_SECONDS", "ANSWER_SECONDS", "GONE_SECONDS"):
        monkeypatch.setattr(script, name, 0.6)


def run(cluster: Cluster, pull_secrets: tuple[str, ...] = ()) -> None:
    trial = script.Trial(script.Api(cluster.url, "token"), "team-a", cluster.name)
    trial.run("http://127.0.0.1:1/model.onnx", "sha256:0", list(pull_secrets))


def test_the_model_in_the_chart_is_what_its_recipe_builds() -> None:
    assert onnx.load(tiny_model.PATH).graph == tiny_model.build().graph
    assert tiny_model.PATH.stat().st_size < 1024


def test_the_answer_that_the_test_expects_is_what_onnx_runtime_computes() -> None:
    asked = script.QUESTION["inputs"][0]
    x = np.array(asked["data"], np.float32).reshape(asked["shape"])
    session = onnxruntime.InferenceSession(tiny_model.PATH.read_bytes(), providers=["CPUExecutionProvider"])
    (y,) = session.run(None, {asked["name"]: x})
    assert y.ravel().tolist() == script.ANSWER
    assert (x @ tiny_model.WEIGHTS + tiny_model.OFFSETS).ravel().tolist() == script.ANSWER


def test_a_model_that_serves_passes_and_is_removed(cluster: Cluster) -> None:
    run(cluster)
    assert [each["spec"] for each in cluster.created] == [
        {"model": {"uri": "http://127.0.0.1:1/model.onnx", "digest": "sha256:0"}}
    ]
    assert cluster.models == {}


def test_pull_secrets_reach_the_models_pods(cluster: Cluster) -> None:
    run(cluster, ("registry",))
    assert cluster.created[0]["spec"]["serving"]["pod"]["imagePullSecrets"] == [{"name": "registry"}]


def test_wrong_numbers_fail(cluster: Cluster) -> None:
    cluster.answer = [7.5, 9.5, 15.5, 0.0]
    with pytest.raises(script.Failed, match=r"answered .* where .* is right"):
        run(cluster)
    assert cluster.models == {}


def test_a_model_that_is_never_ready_fails_with_the_operators_own_words(cluster: Cluster) -> None:
    cluster.ready = False
    with pytest.raises(script.Failed, match="ModelNotFound: it answered 404"):
        run(cluster)
    assert cluster.models == {}


def test_children_that_stay_behind_fail(cluster: Cluster) -> None:
    cluster.pods_stay = True
    with pytest.raises(script.Failed, match="there still is: pods/a-pod"):
        run(cluster)


def test_what_an_interrupted_test_left_is_removed_first(cluster: Cluster) -> None:
    cluster.models[cluster.name] = {"metadata": {"name": cluster.name}}
    run(cluster)
    assert len(cluster.created) == 1
    assert cluster.models == {}


def test_the_model_is_served_from_the_pod_itself() -> None:
    content = tiny_model.PATH.read_bytes()
    with script.model_source(content, "127.0.0.1", 0) as uri:
        opener = script.urllib.request.build_opener(script.urllib.request.ProxyHandler({}))
        assert opener.open(uri, timeout=5).read() == content
