"""Clients that ask through a gateway, over HTTP or gRPC, and say who answered; none asks twice.

    python -m e2e.gateway.clients http|grpc HOST:PORT MODEL COUNT PAUSE

One JSON document on stdout: how many answers each version gave, and what failed. It ends after ``COUNT`` requests or at
SIGTERM; each client waits for ``PAUSE`` seconds after an answer.
"""

from __future__ import annotations

import http.client
import itertools
import json
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

from e2e.load import PLAN_DIGITS, digit_request

THREADS = 4
Ask = Callable[[], str]
"""One request; the version that answered. What it raises is a failure."""


def requests() -> list[dict[str, Any]]:
    """Some digits: the model that fails does so on bright ones."""
    return [digit_request(index) for index in range(PLAN_DIGITS)]


def http_client(address: str, model: str) -> Ask:
    """Keeps its connection for as long as the server does."""
    bodies = itertools.cycle([json.dumps(request) for request in requests()])
    held: list[http.client.HTTPConnection] = []

    def ask() -> str:
        connection = held.pop() if held else http.client.HTTPConnection(address, timeout=10)
        connection.request("POST", f"/v2/models/{model}/infer", next(bodies), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        said = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{answer.status} {said[:120]!r}")
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
    calls = []
    for each in requests():
        calls.append(messages.ModelInferRequest(model_name=model))
        tensor = calls[-1].inputs.add(name="x", datatype="FP32", shape=[1, 64])
        tensor.contents.fp32_contents.extend(each["inputs"][0]["data"])
    turns = itertools.cycle(calls)

    def ask() -> str:
        _, call = stub.ModelInfer.with_call(next(turns), timeout=10)
        return str(dict(call.trailing_metadata())["x-modelway-version"])

    return ask


CLIENTS = {"http": http_client, "grpc": grpc_client}


def main(kind: str, address: str, model: str, count: int, pause: float) -> dict[str, Any]:
    """Asks with a few clients side by side."""
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    answered, failures = Counter[str](), Counter[str]()

    def run() -> None:
        ask = CLIENTS[kind](address, model)
        for _ in range(count // THREADS):
            if over.is_set():
                return
            try:
                answered[ask()] += 1
            except Exception as error:
                failures[f"{type(error).__name__}: {error}"[:300]] += 1
            over.wait(pause)

    threads = [threading.Thread(target=run) for _ in range(THREADS)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return {"answered": dict(answered), "failed": failures.total(), "failures": dict(failures.most_common(10))}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), float(sys.argv[5]))))
