"""A cluster of ``tests/decide/cluster.py`` behind HTTP, as much of an API server as the command line needs: reads,
watches, annotations (which the real ``decide`` obeys at once), JSON patches, and dry runs that change nothing."""

from __future__ import annotations

import asyncio
import copy
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from aiohttp import web

from modelway.api.resource import InvalidSpec, parse_spec
from modelway.cluster.kinds import BY_KIND
from tests.cli import documents
from tests.decide.cluster import Cluster

TOKEN = "secret"


class HttpApi:
    """Serves one cluster from a thread of its own; ``obeys`` is whether there is an operator."""

    def __init__(self, cluster: Cluster, obeys: bool = True) -> None:
        self.cluster = cluster
        self.obeys = obeys
        self.events: list[dict[str, Any]] = []
        self.metadata: dict[str, Any] = {}  # more of the ModelDeployment's
        self.writes: list[tuple[str, Mapping[str, str], Any]] = []
        self.dry_runs: list[tuple[str, Mapping[str, str]]] = []
        self.denied: dict[str, int] = {}  # kind → the status with which it is refused
        self.watched = 0
        self.news = asyncio.Condition()
        self.port = 0
        self._loop = asyncio.new_event_loop()

    @contextmanager
    def serving(self, folder: Path) -> Iterator[Path]:
        """The path of a kubeconfig for it."""
        started = threading.Event()
        thread = threading.Thread(target=self._run, args=(started,))
        thread.start()
        assert started.wait(10)
        try:
            yield self.kubeconfig(folder)
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join(10)

    def _run(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        self._loop.run_until_complete(runner.setup())
        self._loop.run_until_complete(web.TCPSite(runner, "127.0.0.1", 0).start())
        self.port = runner.addresses[0][1]
        started.set()
        self._loop.run_forever()
        self._loop.run_until_complete(_ended())
        self._loop.run_until_complete(runner.cleanup())
        self._loop.close()

    def kubeconfig(self, folder: Path) -> Path:
        context = {"cluster": "c", "user": "u", "namespace": "ml"}
        elsewhere = {"cluster": "c", "user": "u", "namespace": "elsewhere"}
        content = {
            "current-context": "here",
            "contexts": [{"name": "here", "context": context}, {"name": "there", "context": elsewhere}],
            "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{self.port}"}}],
            "users": [{"name": "u", "user": {"token": TOKEN}}],
        }
        path = folder / "kubeconfig"
        path.write_text(json.dumps(content))
        return path

    def tell(self) -> None:
        """Whoever watches hears that something changed."""

        async def notify() -> None:
            async with self.news:
                self.news.notify_all()

        asyncio.run_coroutine_threadsafe(notify(), self._loop).result(10)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        assert request.headers["Authorization"] == f"Bearer {TOKEN}"
        parts = ("/" + request.match_info["path"]).split("/")
        kind = next(each for each in BY_KIND.values() if each.plural in parts)
        name = parts[-1] if parts[-1] != kind.plural else ""
        namespace = parts[parts.index("namespaces") + 1] if "namespaces" in parts else "ml"
        if status := self.denied.get(kind.kind):
            verb = "list" if request.method == "GET" else request.method.lower()
            return _failure(
                status, f'{kind.plural} is forbidden: User "eve" cannot {verb} resource "{kind.plural}"', ""
            )
        if request.method == "PATCH":
            return await self._patch(request, name)
        if "watch" in request.query:
            return await self._watch(request)
        found = [each for each in self._documents(kind.kind) if each["metadata"]["namespace"] == namespace]
        if not name:
            items = [{key: each[key] for key in each if key not in ("kind", "apiVersion")} for each in found]
            return web.json_response({"metadata": {"resourceVersion": "5"}, "items": items})  # as the API server does
        one = next((each for each in found if each["metadata"]["name"] == name), None)
        return web.json_response(one) if one else _failure(404, f'modeldeployments "{name}" not found', name)

    def _documents(self, kind: str) -> list[dict[str, Any]]:
        if kind == "Event":
            return self.events
        found = [each for each in documents.every(self.cluster) if each["kind"] == kind]
        if kind == "ModelDeployment":
            found[0]["metadata"] |= self.metadata
        return found

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        stream = web.StreamResponse()
        await stream.prepare(request)
        self.watched += 1
        while True:
            async with self.news:
                await self.news.wait()
            await stream.write(b'{"type": "MODIFIED", "object": {}}\n')

    async def _patch(self, request: web.Request, name: str) -> web.Response:
        sent, query, how = await request.json(), dict(request.query), request.content_type
        (live,) = self._documents("ModelDeployment")
        exists = live["metadata"]["name"] == name
        if "dryRun" in query:
            self.dry_runs.append((how, query))
            return self._dry_run(sent, live if exists else None, how)
        self.writes.append((how, query, sent))
        if how == "application/json-patch+json":
            return self._json_patch(sent, live)
        assert sent["metadata"].pop("uid") == live["metadata"]["uid"]
        of = self.cluster.resource
        self.cluster.resource = replace(of, annotations={**of.annotations, **sent["metadata"]["annotations"]})
        if self.obeys:
            self.cluster.look()
        return web.json_response(documents.resource(self.cluster))

    def _dry_run(self, sent: dict[str, Any], live: dict[str, Any] | None, how: str) -> web.Response:
        if live is None:
            meta = {**sent["metadata"], "uid": "fresh", "generation": 1, "creationTimestamp": "2026-01-01T12:00:00Z"}
            after: dict[str, Any] = {**sent, "metadata": meta}
        elif how == "application/merge-patch+json":
            after = merged(live, sent)
        else:
            after = {**live, "spec": sent["spec"]}
        try:
            parse_spec(after["spec"])
        except InvalidSpec as error:
            return _failure(422, str(error), "")
        return web.json_response(after)

    def _json_patch(self, sent: list[dict[str, Any]], live: dict[str, Any]) -> web.Response:
        spec = copy.deepcopy(dict(self.cluster.resource.spec))
        for operation in sent:
            _, section, field = operation["path"].split("/")
            if operation["op"] == "test":
                if live[section][field] != operation["value"]:
                    return _failure(422, f"testing value {operation['path']} failed", "")
            elif operation["op"] == "remove":
                del spec[field]
            else:
                spec[field] = operation["value"]
        self.cluster.change(spec)
        return web.json_response(documents.resource(self.cluster))


async def _ended() -> None:
    """Watches never end by themselves."""
    rest = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)


def merged(live: Any, patch: Mapping[str, Any]) -> dict[str, Any]:
    """RFC 7386."""
    after = dict(live) if isinstance(live, dict) else {}
    for key, value in patch.items():
        if value is None:
            after.pop(key, None)
        else:
            after[key] = merged(after.get(key), value) if isinstance(value, dict) else value
    return after


def _failure(status: int, message: str, name: str) -> web.Response:
    details = {"name": name} if name else {}
    body = {"kind": "Status", "status": "Failure", "code": status, "message": message, "details": details}
    return web.json_response(body, status=status)
