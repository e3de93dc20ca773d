"""Start a server as people start it, wait for its first right answer, and end it with all that it started."""

import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.ports import free_port
from bench.runtime import figures
from bench.runtime.catalogue import APPS, Peer
from bench.runtime.client import Connection, Refused
from bench.runtime.environments import Unavailable, cause, pinned, project, python_of
from bench.runtime.models import Model, written
from bench.runtime.wire import WrongAnswer, check, request

START_LIMIT_SECONDS = 60.0
STOP_LIMIT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Cores:
    """Where servers and where clients run: cores of their own where there are two."""

    server: int
    client: int


def cores() -> Cores:
    allowed = sorted(os.sched_getaffinity(0))
    return Cores(allowed[0], allowed[-1])


@dataclass(frozen=True, slots=True)
class Server:
    """`first_answer` and `start_cpu`: wall and CPU seconds from the start of the process to its first right answer."""

    peer: Peer
    model: Model
    pid: int
    port: int
    first_answer: float
    start_cpu: float


@dataclass(frozen=True, slots=True)
class Stretch:
    """One stretch of load.

    CPU in microseconds a request, and requests a second, over all of the connections that the model says; latencies
    in milliseconds over one.
    """

    cpu: float
    p50: float
    p99: float
    per_second: float


@contextmanager
def started(peer: Peer, model: Model, reference: list[float], core: int) -> Iterator[Server]:
    """A server whose JSON answer was checked; ended afterwards. Raises Unavailable with the cause."""
    python, (port, grpc, metrics) = python_of(peer), (free_port() for _ in range(3))
    blanks = {"python": python, "bin": python.parent, "port": port, "grpc": grpc, "metrics": metrics}
    blanks |= {"model": model.name, "path": written(model), "apps": APPS}
    environment = {**os.environ, "ORT_DISABLE_TELEMETRY": "1"}
    if peer.requirements:
        environment |= {"PYTHONPATH": str(APPS), "BENCH_MODEL_NAME": model.name}
        environment["BENCH_MODEL_PATH"] = str(written(model))
    environment |= {key: value.format(**blanks) for key, value in peer.environment.items()}
    command = [word.format(**blanks) for word in peer.command]
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        with log.open("wb") as sink:
            began = time.perf_counter()
            process = subprocess.Popen(
                command, env=environment, cwd=folder, stdout=sink, stderr=sink, preexec_fn=pinned(core)
            )
        try:
            head, body = _first_answer(process, port, request(model, "JSON"), began + START_LIMIT_SECONDS)
            elapsed, cpu = time.perf_counter() - began, figures.cpu_seconds(figures.tree(process.pid))
            check(head, body, "JSON", model, reference)
            yield Server(peer, model, process.pid, port, elapsed, cpu)
        except WrongAnswer as problem:
            raise Unavailable(f"wrong: {problem}") from None
        except TimeoutError as problem:
            raise Unavailable(f"{problem}: {cause(log.read_text(errors='replace'))}") from None
        finally:
            _end(process)


def _first_answer(process: subprocess.Popen[bytes], port: int, sent: bytes, until: float) -> tuple[bytes, bytes]:
    last: Exception | None = None
    while time.perf_counter() < until and process.poll() is None:
        try:
            connection = Connection(port)
            try:
                return connection.exchange(sent)
            finally:
                connection.close()
        except (OSError, Refused) as problem:  # not listening yet; listening, but still loading
            last = problem
            time.sleep(0.002)
    if process.poll() is not None:
        raise TimeoutError(f"ended with {process.returncode}")
    raise TimeoutError(f"no answer in {START_LIMIT_SECONDS:.0f} s, last {last}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM as Kubernetes sends it, then SIGKILL for what is left of the tree."""
    family = figures.tree(process.pid)
    process.terminate()
    try:
        process.wait(STOP_LIMIT_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pid in family[1:]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def speaks(server: Server, form: str, reference: list[float]) -> str:
    """Empty if the server answers rightly in `form`, otherwise why not, in a few words for the table."""
    connection = Connection(server.port)
    try:
        head, body = connection.exchange(request(server.model, form))
        check(head, body, form, server.model, reference)
    except Refused as problem:
        return f"not spoken ({problem.status})"
    except (WrongAnswer, OSError) as problem:
        return f"not spoken ({problem})"
    finally:
        connection.close()
    return ""


def load(server: Server, sent: Path, seconds: float, core: int) -> Stretch:
    """One stretch of load with the request that the file `sent` holds. Raises Unavailable."""
    arguments = (str(server.port), str(server.pid), str(seconds), str(sent), str(server.model.connections))
    told = json.loads(project("bench.runtime.client", *arguments, core=core))
    count = told["requests"]
    return Stretch(told["cpu"] / count * 1e6, told["p50"], told["p99"], count / told["seconds"])
