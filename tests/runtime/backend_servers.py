"""Servers for one model after the other: one process whose model is exchanged, or a `modelserver serve` for each."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.ports import free_port
from tests.runtime.backend_server import NAME
from tests.runtime.backend_wire import Wire
from tests.runtime.processes import environment, running

ROOT = Path(__file__).parents[2]
# A model's bytes → the way to a server that has it, or the words in which it was refused.
Serving = Callable[[bytes], Wire | str]


@contextmanager
def exchanging(folder: Path) -> Iterator[Serving]:
    """`backend_server.py`: quick, and the connections are kept."""
    grpc_port, path = free_port(), folder / "model.onnx"
    command = [sys.executable, "-m", "tests.runtime.backend_server", str(grpc_port)]
    given = environment()
    given["PYTHONPATH"] += f":{ROOT}"
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(
            command, env=given, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
        ) as process,
    ):
        assert process.stdin is not None and process.stdout is not None
        requests, answers = process.stdin, process.stdout
        wires: list[Wire] = []

        def serve(model: bytes) -> Wire | str:
            path.write_bytes(model)
            requests.write(f"{path}\n")
            requests.flush()
            line = answers.readline()
            assert line, (folder / "log").read_text()[-2000:]
            told = json.loads(line)
            if "refused" in told:
                return str(told["refused"])
            if not wires:
                wires.append(Wire(NAME, told["port"], grpc_port))
            return wires[0]

        try:
            yield serve
        finally:
            for wire in wires:
                wire.close()
            process.kill()


@contextmanager
def starting(folder: Path) -> Iterator[Serving]:
    """A server process for each model, ended when the next one is asked for."""
    path = folder / "model.onnx"
    with ExitStack() as stack:

        def serve(model: bytes) -> Wire | str:
            stack.close()
            path.write_bytes(model)
            grpc_port = free_port()
            try:
                server = stack.enter_context(running(path, NAME, MODELSERVER_GRPC_PORT=str(grpc_port)))
            except AssertionError as problem:
                return str(problem)
            wire = Wire(NAME, server.port, grpc_port)
            stack.callback(wire.close)
            return wire

        yield serve
