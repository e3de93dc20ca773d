"""The servers that are compared: each a process of its own, started as people start it."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.runtime.client import connect, exchange, request

ROOT = Path(__file__).parents[2]
REQUIREMENTS = ("fastapi", "uvicorn[standard]")
START_LIMIT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Server:
    """`first_answer`: seconds from the start of the process to its first right answer."""

    kind: str
    model: str
    pid: int
    port: int
    first_answer: float


def cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "modelway" / "bench-runtime"


def fastapi_python() -> Path:
    """The interpreter of a virtual environment with FastAPI, made at first use."""
    venv = cache() / f"fastapi-{sys.version_info.major}.{sys.version_info.minor}"
    python, done = venv / "bin/python", venv / "installed"
    if not done.exists():
        print("Installing FastAPI into an environment of its own (once) …", flush=True)
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
        constraints = ROOT / "constraints.txt"
        bounds = ["-c", str(constraints)] if constraints.exists() else []
        install = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", *bounds]
        subprocess.run([*install, "onnxruntime", "numpy", *REQUIREMENTS], check=True)
        done.touch()
    return python


def _command(kind: str, model: str, path: Path, port: int) -> tuple[list[str], dict[str, str]]:
    shared = {**os.environ, "ORT_DISABLE_TELEMETRY": "1"}
    if kind == "modelserver":
        environment = {**shared, "MODELSERVER_MODEL_NAME": model, "MODELSERVER_DRAIN_SECONDS": "0"}
        return [sys.executable, "-m", "modelserver", "serve", str(path), "--http-port", str(port)], environment
    environment = {**shared, "BENCH_MODEL_PATH": str(path), "BENCH_MODEL_NAME": model}
    folder = str(Path(__file__).parent)
    uvicorn = [str(fastapi_python()), "-m", "uvicorn", "--app-dir", folder, "fastapi_app:app", "--port", str(port)]
    return uvicorn, environment


@contextmanager
def started(kind: str, model: str, path: Path) -> Iterator[Server]:
    """A server of a kind ("modelserver" or "fastapi") whose answer was checked; ended afterwards."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command, environment = _command(kind, model, path, port)
    began = time.perf_counter()
    process = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        answer = _first_answer(process, port, model, began + START_LIMIT_SECONDS)
        elapsed = time.perf_counter() - began
        check(answer, model)
        yield Server(kind, model, process.pid, port, elapsed)
    finally:
        process.terminate()
        process.wait(10)


def _first_answer(process: subprocess.Popen[bytes], port: int, model: str, until: float) -> bytes:
    while time.perf_counter() < until and process.poll() is None:
        try:
            with connect(port) as client:
                return exchange(client, request(model))
        except (ConnectionRefusedError, RuntimeError):  # not listening yet; listening, but still loading (503)
            time.sleep(0.002)
    raise RuntimeError(f"No answer from {process.args!r} (exit code {process.poll()}).")


def check(answer: bytes, model: str) -> None:
    """The answer must be right before it may be fast; raises AssertionError."""
    import numpy as np
    import onnx
    from onnx import numpy_helper

    from bench.runtime.models import WIDTHS, linear

    asked = json.loads(request(model).partition(b"\r\n\r\n")[2])["inputs"][0]["data"]
    w, b = (numpy_helper.to_array(t) for t in onnx.load_from_string(linear(*WIDTHS[model])).graph.initializer)
    output = json.loads(answer)["outputs"][0]
    assert json.loads(answer)["id"] == "42"
    assert (output["name"], output["datatype"], output["shape"]) == ("y", "FP32", [1, WIDTHS[model][1]])
    np.testing.assert_allclose(output["data"], np.array(asked, np.float32) @ w + b, rtol=1e-3, atol=1e-5)
