"""`helm test`: serves a tiny model with a ModelDeployment, checks the numbers that it answers, and removes it.

It runs in the operator's image with nothing but the standard library. The pod itself is the model's source, so the
test needs no network beyond the cluster's. It ends before helm stops waiting (5 minutes) and always removes its model.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import ssl
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
MODEL = Path(__file__).with_name("model.onnx")
MODEL_PORT = 8000
LABEL = "modelway.io/deployment"

# The model computes y = x @ [[1, 2], [3, 4]] + [0.5, -0.5].
QUESTION = {"inputs": [{"name": "x", "shape": [2, 2], "datatype": "FP32", "data": [1.0, 2.0, 3.0, 4.0]}]}
ANSWER = [7.5, 9.5, 15.5, 21.5]

READY_SECONDS = 180  # an image may have to be pulled, and the rest of an earlier test removed
ANSWER_SECONDS = 15  # from Ready to every node's proxy knowing the Service
GONE_SECONDS = 80  # a server drains for 20 s and is given 10 s more
CHILDREN = (
    "apis/apps/v1/namespaces/{}/deployments",
    "apis/apps/v1/namespaces/{}/replicasets",
    "apis/apps/v1/namespaces/{}/controllerrevisions",
    "apis/autoscaling/v2/namespaces/{}/horizontalpodautoscalers",
    "apis/policy/v1/namespaces/{}/poddisruptionbudgets",
    "api/v1/namespaces/{}/services",
    "api/v1/namespaces/{}/configmaps",
    "api/v1/namespaces/{}/pods",
)


class Failed(Exception):
    """What is wrong, in a sentence for the person who ran `helm test`."""


@dataclass(frozen=True)
class Api:
    """The Kubernetes API, as much of it as the test needs."""

    url: str
    token: str
    tls: ssl.SSLContext | None = None

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any] | None:
        """The answer, or None where there is no such object."""
        headers = {"Authorization": f"Bearer {self.token}"}
        try:
            return exchange(method, f"{self.url}/{path}", body, headers, self.tls)
        except urllib.error.HTTPError as error:
            if error.code == 404 and method != "POST":
                return None
            raise Failed(f"{method} /{path} was answered with {error.code}: {message(error)}") from None


def exchange(
    method: str, url: str, body: Any = None, headers: dict[str, str] | None = None, tls: ssl.SSLContext | None = None
) -> dict[str, Any]:
    """One request with JSON both ways, past any proxy."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json", **(headers or {})}, method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=tls))
    with opener.open(request, timeout=10) as response:
        document: dict[str, Any] = json.load(response)
        return document


def message(error: urllib.error.HTTPError) -> str:
    text = error.read(2000).decode(errors="replace")
    try:
        return str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        return text


@contextmanager
def model_source(content: bytes, address: str, port: int) -> Iterator[str]:
    """Serve the model from this pod; yields its URI."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/octet-stream")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        do_HEAD = do_GET

        def log_message(self, format: str, *args: Any) -> None:
            say(f"the model's source: {self.address_string()} {format % args}")

    class Server(ThreadingHTTPServer):
        address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        daemon_threads = True

    host = f"[{address}]" if ":" in address else address
    with Server((address, port), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://{host}:{server.server_port}/model.onnx"
        server.shutdown()


STARTED = time.monotonic()


def say(what: str) -> None:
    print(f"{time.monotonic() - STARTED:6.1f} s  {what}", flush=True)


@dataclass(frozen=True)
class Trial:
    """One ModelDeployment, from its creation to its last trace."""

    api: Api
    namespace: str
    name: str

    @property
    def collection(self) -> str:
        return f"apis/modelway.io/v1alpha1/namespaces/{self.namespace}/modeldeployments"

    @property
    def resource(self) -> str:
        return f"{self.collection}/{self.name}"

    def create(self, uri: str, digest: str, pull_secrets: list[str]) -> None:
        spec: dict[str, Any] = {"model": {"uri": uri, "digest": digest}}
        if pull_secrets:
            spec["serving"] = {"pod": {"imagePullSecrets": [{"name": name} for name in pull_secrets]}}
        body = {
            "apiVersion": "modelway.io/v1alpha1",
            "kind": "ModelDeployment",
            "metadata": {"name": self.name, "labels": {"app.kubernetes.io/component": "test"}},
            "spec": spec,
        }
        self.api.call("POST", self.collection, body)

    def wait_until_ready(self, seconds: float) -> dict[str, Any]:
        """Its status once it is Ready; says each new state on the way."""
        deadline, state = time.monotonic() + seconds, "the operator has not written a status: does it run?"
        while time.monotonic() < deadline:
            found = self.api.call("GET", self.resource)
            if found is None:
                raise Failed(f"somebody else deleted ModelDeployment {self.name} during the test")
            status: dict[str, Any] = found.get("status") or {}
            conditions = {c["type"]: c for c in status.get("conditions", [])}
            if conditions.get("Ready", {}).get("status") == "True":
                return status
            told = (conditions[name] for name in ("Stalled", "Ready") if name in conditions)
            now = "; ".join(f"{c['type']}={c['status']}, {c['reason']}: {c['message']}" for c in told)
            if now and now != state:
                say(now)
                state = now
            time.sleep(0.5)
        raise Failed(f"the model was not Ready within {seconds:g} s: {state}")

    def ask(self, url: str, seconds: float) -> list[float]:
        """The model's answer through the front Service."""
        deadline, refused = time.monotonic() + seconds, 0
        while True:
            try:
                answer = exchange("POST", url, QUESTION)
                say(f"{url} answered" + (f" after {refused} refused connections" if refused else ""))
                return [float(value) for value in answer["outputs"][0]["data"]]
            except urllib.error.HTTPError as error:
                raise Failed(f"{url} answered {error.code}: {message(error)}") from None
            except (urllib.error.URLError, OSError) as error:
                refused += 1
                if time.monotonic() > deadline:
                    raise Failed(f"{url} could not be reached within {seconds:g} s: {error}") from None
                time.sleep(0.5)

    def remove(self, seconds: float) -> None:
        """Delete the ModelDeployment and wait until nothing of it is left."""
        self.api.call("DELETE", self.resource, {"propagationPolicy": "Background"})
        deadline = time.monotonic() + seconds
        while left := self.left():
            if time.monotonic() > deadline:
                raise Failed(f"{seconds:g} s after the deletion there still is: {', '.join(left)}")
            time.sleep(0.5)

    def left(self) -> list[str]:
        found = [self.resource] if self.api.call("GET", self.resource) else []
        for path in CHILDREN:
            collection = path.format(self.namespace)
            listed = self.api.call("GET", f"{collection}?labelSelector={LABEL}%3D{self.name}") or {}
            found += [f"{collection.rsplit('/', 1)[1]}/{item['metadata']['name']}" for item in listed.get("items", [])]
        return found

    def run(self, uri: str, digest: str, pull_secrets: list[str]) -> None:
        """The whole story. Raises Failed with what is wrong."""
        begun = time.monotonic()
        if self.left():
            say("removing what an interrupted test left")
            self.remove(GONE_SECONDS)
        self.create(uri, digest, pull_secrets)
        try:
            say(f"created ModelDeployment {self.namespace}/{self.name}")
            status = self.wait_until_ready(READY_SECONDS - (time.monotonic() - begun))
            say("it is Ready")
            answer = self.ask(f"{status['endpoints']['http']}/infer", ANSWER_SECONDS)
            if answer != ANSWER:
                raise Failed(f"the model answered {answer} where {ANSWER} is right")
            say(f"the answer is right: {answer}")
        finally:
            self.remove(GONE_SECONDS)
            say("removed; nothing of it is left")


def in_cluster() -> Api:
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    return Api(
        url=f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}",
        token=(SERVICE_ACCOUNT / "token").read_text(),
        tls=ssl.create_default_context(cafile=SERVICE_ACCOUNT / "ca.crt"),
    )


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped from outside"))  # so that the model is removed
    content = MODEL.read_bytes()
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    pull_secrets = [name for name in os.environ.get("TEST_PULL_SECRETS", "").split(",") if name]
    trial = Trial(in_cluster(), os.environ["TEST_NAMESPACE"], os.environ["TEST_NAME"])
    try:
        with model_source(content, os.environ["POD_IP"], MODEL_PORT) as uri:
            trial.run(uri, digest, pull_secrets)
    except Failed as failed:
        earlier = failed.__context__  # the removal failed too
        for reason in (earlier, failed) if isinstance(earlier, Failed) else (failed,):
            say(f"FAILED: {reason}")
        return 1
    say("PASSED")
    return 0


if __name__ == "__main__":
    sys.exit(main())
