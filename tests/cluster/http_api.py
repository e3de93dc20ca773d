"""The simulated API server behind real HTTP, for tests of the whole process: discovery, lists, watches, Leases."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiohttp import web

from modelway.cluster.installation import SELECTOR as INSTALLATIONS
from modelway.cluster.kinds import BY_KIND, ROUTES, WATCHED, ApiKind
from tests.sim.api import FakeApi, Name
from tests.sim.controllers import Cluster

SERVED = (*WATCHED, BY_KIND["Event"], BY_KIND["Lease"])
DISCOVERED = (  # kopf looks for these two, although it never asks for them
    *SERVED,
    ApiKind("CustomResourceDefinition", "apiextensions.k8s.io", "v1", "customresourcedefinitions"),
    ApiKind("Namespace", "", "v1", "namespaces"),
)


class HttpApi:
    """Serves a ``FakeApi`` on loopback and keeps its cluster going."""

    def __init__(self) -> None:
        self.api = FakeApi(lambda: datetime.now(UTC))
        self.api.told = self._told
        self.cluster = Cluster(self.api)
        self.leases: dict[str, dict[str, Any]] = {}
        self.requests: list[tuple[str, str]] = []
        self.installations: list[dict[str, Any]] = []  # operators' own Deployments
        self._log: dict[str, list[tuple[int, bytes]]] = {}
        self._news = asyncio.Condition()
        self.port = 0
        self.gateway_api = False  # whether somebody has installed the Gateway API

    def _told(self, word: str, name: Name, obj: dict[str, Any]) -> None:
        self._append(word, name[0], obj)

    def _append(self, word: str, kind: str, obj: dict[str, Any]) -> None:
        line = json.dumps({"type": word, "object": obj}).encode() + b"\n"
        self._log.setdefault(kind, []).append((int(obj["metadata"]["resourceVersion"]), line))

    async def say_nonsense(self, kind: str) -> None:
        """A line on that kind's watches that is not JSON."""
        async with self._news:
            self._log.setdefault(kind, []).append((2**62, b"{nonsense\n"))
            self._news.notify_all()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[HttpApi]:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.port = runner.addresses[0][1]
        living = asyncio.create_task(self._live())
        try:
            yield self
        finally:
            living.cancel()
            with suppress(asyncio.CancelledError):
                await living
            await runner.cleanup()

    async def _live(self) -> None:
        """The cluster's controllers, and the watches' news."""
        while True:
            for step in self.cluster.steps():
                step()
                await asyncio.sleep(0)
            self.api.collect_garbage()
            async with self._news:
                self._news.notify_all()
            await asyncio.sleep(0.002)

    def kubeconfig(self, folder: Path) -> Path:
        path = folder / "kubeconfig"
        entry = {"server": f"http://127.0.0.1:{self.port}"}
        document = {
            "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": entry}],
            "users": [{"name": "u", "user": {"token": "secret"}}],
        }
        path.write_text(json.dumps(document))
        return path

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        assert request.headers["Authorization"] == "Bearer secret"
        path = "/" + request.match_info["path"]
        self.requests.append((request.method, path))
        if (discovered := _discovery(path)) is not None:
            return web.json_response(discovered)
        parts = path.split("/")
        kind = next(k for k in (*SERVED, *ROUTES) if k.plural in parts)
        if kind in ROUTES and not self.gateway_api:
            return web.json_response({"message": "404 page not found"}, status=404)
        name = parts[-1] if parts[-1] != kind.plural else ""
        if kind.kind == "Lease" and "watch" not in request.query:
            return await self._lease(request, name)
        if request.method == "GET":
            return await (self._watch(request, kind) if "watch" in request.query else self._list(request, kind))
        body = await request.read()
        query = dict(request.query)
        response = await self.api.send(request.method, path, query, body)
        return web.Response(status=response.status, body=response.body, content_type="application/json")

    async def _list(self, request: web.Request, kind: ApiKind) -> web.Response:
        if request.query.get("labelSelector") == INSTALLATIONS:
            return web.json_response({"metadata": {}, "items": self.installations})
        response = await self.api.send("GET", kind.path(None), request.query)
        items = response.json()["items"]
        begin, limit = int(request.query.get("continue") or 0), int(request.query.get("limit", "1000000"))
        more = str(begin + limit) if begin + limit < len(items) else ""
        meta = {"resourceVersion": response.json()["metadata"]["resourceVersion"], "continue": more}
        page = items[begin : begin + limit] or None  # Go writes an empty slice as null
        if "PartialObjectMetadata" not in request.headers["Accept"]:
            page = page or []
        return web.json_response({"kind": f"{kind.kind}List", "metadata": meta, "items": page})

    async def _watch(self, request: web.Request, kind: ApiKind) -> web.StreamResponse:
        since = int(request.query["resourceVersion"])
        stream = web.StreamResponse()
        await stream.prepare(request)
        sent = 0
        while kind not in ROUTES or self.gateway_api:
            log = self._log.get(kind.kind, [])
            news, sent = log[sent:], len(log)
            for version, line in news:
                if version > since:
                    await stream.write(line)
            async with self._news:
                await self._news.wait()
        return stream

    async def _lease(self, request: web.Request, name: str) -> web.Response:
        if request.method == "GET":
            if name in self.leases:
                return web.json_response(self.leases[name])
            return web.json_response({"message": "not found"}, status=404)
        sent = await request.json()
        name = sent["metadata"]["name"]
        held = self.leases.get(name)
        if (held is None) != (request.method == "POST"):
            return web.json_response({"message": "conflict"}, status=409)
        if held and held["metadata"]["resourceVersion"] != sent["metadata"]["resourceVersion"]:
            return web.json_response({"message": "conflict"}, status=409)
        sent["metadata"]["resourceVersion"] = str(next(self.api.version))
        self.leases[name] = sent
        self._append("MODIFIED" if held else "ADDED", "Lease", sent)
        return web.json_response(sent, status=200 if held else 201)


def _discovery(path: str) -> dict[str, Any] | None:
    """What kopf asks for to find out which kinds there are."""
    groups: dict[str, str] = {kind.group: kind.version for kind in DISCOVERED}
    if path == "/api":
        return {"versions": ["v1"]}
    if path == "/apis":
        named = [(group, {"version": version}) for group, version in groups.items() if group]
        return {"groups": [{"name": group, "versions": [v], "preferredVersion": v} for group, v in named]}
    for group, version in groups.items():
        if path == (f"/apis/{group}/{version}" if group else f"/api/{version}"):
            verbs = ["list", "watch", "patch", "create", "delete"]
            of_group = [kind for kind in DISCOVERED if kind.group == group]
            resources = [
                {"name": k.plural, "kind": k.kind, "singularName": "", "namespaced": True, "verbs": verbs}
                for k in of_group
            ]
            return {"resources": resources}
    return None
