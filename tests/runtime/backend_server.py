"""The server that ONNX's node tests are sent to: `python -m tests.runtime.backend_server GRPC_PORT`, a program.

What it is: the real server's listener, connections, routes, gRPC calls, loading, warm-up and choice of execution, in
a process of its own on real sockets. What it is not: `modelserver serve`, which has one model for its whole life (a
process for each of 1,400 models would take ten minutes). Here each line on stdin, the path of a model, exchanges the
model, and is answered on stdout by a line of JSON: {"port": …}, or {"refused": …} with what `serve` would have said.
"""

import asyncio
import json
import sys
from pathlib import Path

import uvloop

from modelserver.errors import ContainerError
from modelserver.grpc_api.server import GrpcServer
from modelserver.server import lifecycle
from modelserver.server.acceptor import Acceptor
from modelserver.server.app import App
from modelserver.server.workers import Workers
from modelserver.settings import ServeSettings
from modelserver.threads import available

NAME = "model"


async def main(grpc_port: int) -> None:
    settings = ServeSettings(http_host="127.0.0.1", http_port=0, grpc_port=grpc_port, threads=1)
    loop = asyncio.get_running_loop()
    app = App(settings, NAME)
    workers = Workers(app, loop, available().threads, settings.max_in_flight)
    acceptor = Acceptor(app, workers, loop)
    port = await acceptor.listen()
    grpc = GrpcServer(app, loop, keys=None, tls=None)
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        told: dict[str, object] = {"port": port}
        try:
            await exchange(app, Path(line.strip()))
        except ContainerError as problem:
            told = {"refused": f"{problem.reason}: {problem}"}
        print(json.dumps(told), flush=True)
    acceptor.stop_listening()
    acceptor.abort()
    workers.close()
    grpc.close()


async def exchange(app: App, path: Path) -> None:
    """Load as `serve` does. Raises ContainerError."""
    former = app.execution
    loaded = await asyncio.to_thread(lifecycle.load, path, NAME, app.settings)
    lifecycle._open(app, loaded, None, path)
    if former is not None:
        former.close()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
