"""The operator's real process against an API server over HTTP: it starts, serves, hands over and stops."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from modelway.cluster.lease import LEASE_SECONDS
from tests.cluster.http_api import HttpApi

MODEL_DEPLOYMENT = {
    "apiVersion": "modelway.io/v1alpha1",
    "kind": "ModelDeployment",
    "metadata": {"namespace": "models", "name": "digits"},
    "spec": {"model": {"uri": "http://models/1.onnx"}, "scaling": {"replicas": 2}},
}


class Operator:
    """One process and what it says."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self.process = process
        self.log = log

    @property
    def port(self) -> str:
        """The port that the system chose and the log tells; of one that listens not yet, one where nobody does."""
        told = re.search(r'"port":(\d+)', self.log.read_text())
        return told[1] if told else "1"

    async def get(self, path: str) -> tuple[int, str]:
        try:
            async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{self.port}{path}") as answer:
                return answer.status, await answer.text()
        except aiohttp.ClientConnectionError:
            return 0, ""

    async def leads(self) -> bool:
        return 'leader_election_master_status{name="modelway-operator"} 1.0' in (await self.get("/metrics"))[1]

    async def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """The exit code."""
        self.process.send_signal(how)
        return await asyncio.wait_for(self.process.wait(), 10)


@asynccontextmanager
async def operator(api: HttpApi, folder: Path, identity: str) -> AsyncIterator[Operator]:
    environment = os.environ | {
        "KUBECONFIG": str(api.kubeconfig(folder)),
        "MODELWAY_RUNTIME_IMAGE": "example/modelserver:1",
        "MODELWAY_LEASE_NAMESPACE": "modelway-system",
        "MODELWAY_IDENTITY": identity,
        "MODELWAY_HTTP_PORT": "0",
    }
    log = folder / f"{identity}.log"
    with log.open("wb") as stream:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "modelway", env=environment, stdout=stream, stderr=stream
        )
    try:
        yield Operator(process, log)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        print(log.read_text())


async def until(what: Callable[[], Any], within: float = 45.0) -> None:
    """Waits for a condition, which may be a coroutine function."""
    async with asyncio.timeout(within):
        while True:
            result = what()
            if await result if asyncio.iscoroutine(result) else result:
                return
            await asyncio.sleep(0.02)


def ready(api: HttpApi) -> bool:
    resource = api.api.get("ModelDeployment", "models", "digits")
    conditions = (resource or {}).get("status", {}).get("conditions", ())
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def test_it_serves_a_resource_and_is_silent_at_rest(tmp_path: Path) -> None:
    async def story() -> None:
        async with HttpApi().serving() as api, operator(api, tmp_path, "a") as process:
            await until(lambda: is_ok(process, "/readyz"))
            api.api.create(MODEL_DEPLOYMENT, "kubectl")
            await until(lambda: ready(api))
            await asyncio.sleep(0.5)
            writes, requests = len(api.api.writes), len(api.requests)
            await asyncio.sleep(3)
            assert len(api.api.writes) == writes
            assert {path.split("/")[-2] for _, path in api.requests[requests:]} == {"leases"}
            assert (await process.get("/livez"))[0] == 200
            assert "# TYPE modelway_check_verdict gauge" in (await process.get("/metrics"))[1]
            assert await process.stop() == 0

    asyncio.run(story())


async def is_ok(process: Operator, path: str) -> bool:
    return (await process.get(path))[0] == 200


def test_a_standby_takes_over_at_once_when_the_leader_leaves(tmp_path: Path) -> None:
    async def story() -> None:
        async with (
            HttpApi().serving() as api,
            operator(api, tmp_path, "a") as first,
            operator(api, tmp_path, "b") as second,
        ):
            await until(lambda: is_ok(first, "/readyz"))
            await until(lambda: is_ok(second, "/readyz"))
            await until(lambda: bool(api.leases))
            leader, standby = (first, second) if await first.leads() else (second, first)
            assert not await standby.leads()
            assert await leader.stop() == 0
            await until(standby.leads, LEASE_SECONDS / 2)  # it did not wait for the lease to expire
            api.api.create(MODEL_DEPLOYMENT, "kubectl")
            await until(lambda: ready(api))

    asyncio.run(story())


def test_a_restart_writes_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        async with HttpApi().serving() as api:
            async with operator(api, tmp_path, "a"):
                await until(lambda: bool(api.requests))
                api.api.create(MODEL_DEPLOYMENT, "kubectl")
                await until(lambda: ready(api))
                await asyncio.sleep(0.5)
            before = len(api.api.writes)
            async with operator(api, tmp_path, "a") as second:
                await until(lambda: is_ok(second, "/readyz"))
                await until(second.leads)
                await asyncio.sleep(1)
                assert api.api.writes[before:] == []

    asyncio.run(story())


def test_a_missing_setting_is_told_in_one_sentence() -> None:
    async def story() -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "modelway", stderr=asyncio.subprocess.PIPE, env={"PATH": os.environ["PATH"]}
        )
        _, told = await process.communicate()
        assert process.returncode == 2
        assert told.decode().splitlines() == [
            "modelway-operator: MODELWAY_RUNTIME_IMAGE is empty. Set it to the image of the model server."
        ]

    asyncio.run(story())


def test_broken_watches_end_the_process(tmp_path: Path) -> None:
    """It must not go on deaf, holding the lease: whoever starts it again has it listen again."""

    async def story() -> None:
        async with HttpApi().serving() as api, operator(api, tmp_path, "a") as process:
            await until(process.leads)
            await api.say_nonsense("Pod")
            assert await asyncio.wait_for(process.process.wait(), 20) != 0
            assert not api.leases["modelway-operator"]["spec"].get("holderIdentity")

    asyncio.run(story())
