"""Clients that ask through a gateway, over HTTP or gRPC, and say who answered; none asks twice.

    python -m e2e.gateway.clients http|grpc HOST:PORT MODEL COUNT

One JSON document on stdout: how many answers each version gave, and what failed. It ends after ``COUNT`` requests or at
SIGTERM.
"""

from __future__ import annotations

import http.client
import json
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

from e2e.load import digit_request

THREADS = 4
Ask = Callable[[], str]
"""One request; the version that answered. What it raises is a failure."""


def http_client(address: str, model: str) -> Ask:
    """Keeps its connection for as long as the server does."""
    body = json.dumps(digit_request(0))
    held: list[http.client.HTTPConnection] = []

    def ask() -> str:
        connection = held.pop() if held else http.client.HTTPConnection(address, timeout=10)
        connection.request("POST", f"/v2/models/{model}/infer", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        said = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{answer.status} {said[:200]!r}")
        if not answer.will_close:
            held.append(connection)
        return str(answer.headers["x-modelway-version"])

    return ask


def grpc_client(address: str, model: str) -> Ask:
    """One channel; the version is in the trailing metadata."""
    import grpc
    from tritonclient.grpc import service_pb2 as messages
    from tritonclient.grpc import service_pb2_grpc as services

    stub = services.GRPCInferenceServiceStub(grpc.insecure_channel(address))
    request = messages.ModelInferRequest(model_name=model)
    tensor = request.inputs.add(name="x", datatype="FP32", shape=[1, 64])
    tensor.contents.fp32_contents.extend(digit_request(0)["inputs"][0]["data"])

    def ask() -> str:
        _, call = stub.ModelInfer.with_call(request, timeout=10)
        return str(dict(call.trailing_metadata())["x-modelway-version"])

    return ask


CLIENTS = {"http": http_client, "grpc": grpc_client}


def main(kind: str, address: str, model: str, count: int) -> dict[str, Any]:
    """Asks with a few clients side by side."""
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    answered, failures = Counter[str](), list[str]()

    def run() -> None:
        ask = CLIENTS[kind](address, model)
        for _ in range(count // THREADS):
            if over.is_set():
                return
            try:
                answered[ask()] += 1
            except Exception as error:
                failures.append(f"{type(error).__name__}: {error}"[:300])
            over.wait(0.005)

    threads = [threading.Thread(target=run) for _ in range(THREADS)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return {"answered": dict(answered), "failed": len(failures), "failures": failures[:5]}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))))
