"""The HTTP server beside the work: /livez, /readyz, /metrics."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from modelway import metrics

Check = Callable[[], str]
"""What is wrong, in words; empty when nothing is."""


@asynccontextmanager
async def serving(port: int, alive: Check, ready: Check) -> AsyncIterator[int]:
    """Serves while the block runs; gives the port, which 0 leaves to the system."""

    def answer(check: Check) -> Callable[[web.Request], object]:
        async def handler(_: web.Request) -> web.Response:
            trouble = check()
            return web.Response(text=trouble or "ok", status=503 if trouble else 200)

        return handler

    async def exposition(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(metrics.REGISTRY), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.router.add_get("/livez", answer(alive))  # type: ignore[arg-type]
    app.router.add_get("/readyz", answer(ready))  # type: ignore[arg-type]
    app.router.add_get("/metrics", exposition)
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.5)
    await runner.setup()
    site = web.TCPSite(runner, port=port)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()
