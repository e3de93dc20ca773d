"""Queries to a real Prometheus that scrapes a real model server, both on loopback."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench.ports import free_port
from modelway.measure.bounded import new_session
from modelway.measure.prometheus import ask
from tests.runtime import models
from tests.runtime.processes import Server, infer_body, running

pytestmark = pytest.mark.skipif(
    shutil.which("prometheus") is None,
    reason="there is no Prometheus; Debian has it: apt-get install --no-install-recommends prometheus",
)
REQUESTS = 7
CONFIG = """\
global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}
scrape_configs:
- job_name: digits
  static_configs: [{{targets: ['127.0.0.1:{port}'], labels: {{revision: 81ab81ab81}}}}]
"""
COUNT = 'sum(modelserver_requests_total{revision="81ab81ab81",path=~".*/infer",code="200"})'


@dataclass
class Monitored:
    """A Prometheus, and the model server that it scrapes."""

    process: subprocess.Popen[bytes]
    address: str
    server: Server

    def says(self, query: str, seconds: float = 5.0) -> float | str:
        """What the operator makes of a query."""

        async def asked() -> float | str:
            async with new_session() as session:
                return await ask(session, self.address, query, seconds=seconds)

        return asyncio.run(asked())


@pytest.fixture(scope="module")
def monitored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Monitored]:
    folder = tmp_path_factory.mktemp("prometheus")
    model = folder / "linear.onnx"
    model.write_bytes(models.linear())
    with running(model) as server:
        for _ in range(REQUESTS):
            body = infer_body([1.0, 2.0, 3.0, 4.0])
            head = {"Content-Type": "application/json"}
            url = server.url("/v2/models/tiny/infer")
            with urllib.request.urlopen(urllib.request.Request(url, body, head)) as answer:
                assert json.load(answer)["outputs"]
        with _prometheus(folder, server) as found:
            yield found


class _prometheus:
    """A Prometheus that has scraped the server at least twice, so that a rate has something to go by."""

    def __init__(self, folder: Path, server: Server) -> None:
        config, port = folder / "prometheus.yml", free_port()
        config.write_text(CONFIG.format(port=server.port))
        command = ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}"]
        command += [f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]
        self._log = (folder / "log").open("wb")
        process = subprocess.Popen(command, stdout=self._log, stderr=self._log)
        self.found = Monitored(process, f"http://127.0.0.1:{port}", server)

    def __enter__(self) -> Monitored:
        end = time.monotonic() + 60
        while not self._scraped():
            assert self.found.process.poll() is None, Path(self._log.name).read_text()
            assert time.monotonic() < end, self.found.says("up")
            time.sleep(0.1)
        return self.found

    def _scraped(self) -> bool:
        return isinstance(self.found.says('count_over_time(up{job="digits"}[1m]) >= 2'), float)

    def __exit__(self, *_: object) -> None:
        self.found.process.kill()
        self.found.process.wait()
        self._log.close()


def test_what_the_server_counted_is_the_number(monitored: Monitored) -> None:
    assert monitored.says(COUNT) == REQUESTS
    assert monitored.says(f"{COUNT} / {COUNT}") == 1.0
    assert monitored.says('max(modelserver_ready{revision="81ab81ab81"})') == 1.0


@pytest.mark.parametrize(
    ("query", "number"),
    [
        ("0.25", 0.25),  # a scalar
        ("scalar(vector(7)) * 2", 14.0),
        ("vector(3) > 2", 3.0),  # a vector of one
        ('sum(rate(modelserver_errors_total{kind="none such"}[1m])) or vector(0)', 0.0),
        ("1e-7", 1e-7),
    ],
)
def test_a_scalar_and_a_vector_of_one_are_a_number(monitored: Monitored, query: str, number: float) -> None:
    assert monitored.says(query) == number


SENTENCES = (
    ("no_such_metric_at_all", "The query finds no samples. Does the metric exist, and do its labels match? If none"),
    ("vector(1) > 2", "The query finds no samples."),
    ('modelserver_request_duration_seconds_bucket{job="digits"}', "samples, where one is wanted. Aggregate it"),
    ("0 / 0", "The query gives nan, which is no number to compare: 0 / 0, or x / 0."),
    ("vector(1) / 0", "The query gives inf"),
    (f"{COUNT} / (0 * {COUNT})", "The query gives inf"),
    ("up[1m]", "The query gives a matrix, where a scalar or a vector with one sample is wanted."),
    ('"text"', "The query gives a string, where a scalar or a vector with one sample is wanted."),
    ("sum(", "Prometheus answers 400: invalid parameter"),
    ("no_such_function(up)", "Prometheus answers 400: invalid parameter"),
    ('label_replace(up, "a", "$1", "job", "(")', "Prometheus answers 422: "),
)


@pytest.mark.parametrize(("query", "said"), SENTENCES, ids=[query[:20] for query, _ in SENTENCES])
def test_what_is_no_number_is_a_sentence(monitored: Monitored, query: str, said: str) -> None:
    told = monitored.says(query)
    assert isinstance(told, str)
    assert said in told
    assert told.endswith(".")


def states(pid: int) -> list[str]:
    """Of a process's threads, as proc(5) says."""
    tasks = Path(f"/proc/{pid}/task").glob("*/stat")
    return [task.read_text().rpartition(") ")[2][0] for task in tasks]


def test_one_that_hangs_and_one_that_is_not_there(monitored: Monitored) -> None:
    monitored.process.send_signal(signal.SIGSTOP)
    while set(states(monitored.process.pid)) != {"T"}:  # it may answer until its last thread has stopped
        time.sleep(0.01)
    try:
        told = monitored.says("1", seconds=0.3)
    finally:
        monitored.process.send_signal(signal.SIGCONT)
    assert told == f"Prometheus at {monitored.address} did not answer within 0.3 s."
    assert monitored.says("1") == 1.0
    gone = Monitored(monitored.process, f"http://127.0.0.1:{free_port()}", monitored.server)
    assert "can't be reached" in str(gone.says("1"))


def test_an_address_of_something_else(monitored: Monitored) -> None:
    other = Monitored(monitored.process, monitored.server.url(""), monitored.server)
    assert "404" in str(other.says("1"))
