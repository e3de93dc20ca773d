"""The models that the clients meet, each served by a `modelserver serve` process of its own over HTTP and gRPC."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.ports import free_port
from tests.runtime import models
from tests.runtime.processes import running

VERSION = "7"
# Two names are such that a client has to quote them in a path.
SERVED: Mapping[str, bytes] = {
    "tiny": models.linear(),
    "pair+100%": models.two_in_two_out(),
    "everything": models.every_datatype(),
    "texts/1": models.echo("BYTES", ("N",)),
    "brains": models.echo("BF16", ("N",)),
    "labels": models.classifier(),
    "slow": models.slow(1024),  # a hundred milliseconds a run: far beyond the 10 that a caller waits
}
LIMITS = {"MODELSERVER_MODEL_VERSION": VERSION, "MODELSERVER_MAX_BODY_BYTES": "20Mi"}

Addresses = dict[str, dict[str, str]]


@contextmanager
def serving(folder: Path) -> Iterator[Addresses]:
    """Start all of them at once; {model: {"http": "host:port", "grpc": "host:port"}}."""
    contexts = []
    ports: dict[str, int] = {}
    for number, (name, content) in enumerate(SERVED.items()):
        path = folder / f"{number}.onnx"
        path.write_bytes(content)
        ports[name] = free_port()
        contexts.append(running(path, name, MODELSERVER_GRPC_PORT=str(ports[name]), **LIMITS))
    with ExitStack() as stack, ThreadPoolExecutor(len(contexts)) as pool:
        servers = list(pool.map(stack.enter_context, contexts))
        yield {one.name: {"http": f"127.0.0.1:{one.port}", "grpc": f"127.0.0.1:{ports[one.name]}"} for one in servers}
