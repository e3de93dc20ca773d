"""All connections of one listening socket: who is there, what they hold together, whose time is up."""

import asyncio
import socket
from errno import EADDRNOTAVAIL

from modelserver.errors import BadSettings
from modelserver.server.app import App
from modelserver.server.connection import Connection
from modelserver.server.heads import KnownHeads
from modelserver.server.http1 import ResponseHeads
from modelserver.server.routes import Router
from modelserver.server.workers import Workers
from modelserver.settings import ServeSettings

BACKLOG = 4096  # the kernel cuts it to net.core.somaxconn
SWEEP_SECONDS = 0.5


class Acceptor:
    """What the connections share. Everything runs in the event loop's thread."""

    def __init__(self, app: App, workers: Workers, loop: asyncio.AbstractEventLoop) -> None:
        self.app, self.workers, self.loop = app, workers, loop
        self.settings: ServeSettings = app.settings
        self.heads = KnownHeads(Router(app), app.settings)
        self.response_heads = ResponseHeads(app.headers)
        self.connections: set[Connection] = set()
        self.buffered = 0
        self.last_seen = 0.0  # when the last connection came or went, by `now`
        self.now = loop.time
        app.gauges = self._gauges
        self._server: asyncio.Server | None = None
        self._sweep: asyncio.TimerHandle | None = None

    async def listen(self) -> int:
        """Accept from now on; returns the port. Raises BadSettings when the address can't be had."""
        host, port = self.settings.http_host, self.settings.http_port
        try:
            listening = _socket(host, port)
        except OSError as problem:
            raise BadSettings(
                f"The server can't listen on {host or '*'}:{port} ({problem.strerror}). "
                "Choose another MODELSERVER_HTTP_PORT or MODELSERVER_HTTP_HOST."
            ) from None
        self._server = await self.loop.create_server(lambda: Connection(self), sock=listening, backlog=BACKLOG)
        self._sweep = self.loop.call_later(SWEEP_SECONDS, self._sweep_deadlines)
        return int(listening.getsockname()[1])

    def opened(self, connection: Connection) -> bool:
        """Whether there is room for this one (it is counted either way: refusing takes a moment, too)."""
        self.connections.add(connection)
        self.last_seen = self.now()
        return len(self.connections) <= self.settings.max_connections

    def closed(self, connection: Connection) -> None:
        self.connections.discard(connection)
        self.last_seen = self.now()

    @property
    def busy(self) -> int:
        """Connections on which something of a request has arrived that is not answered yet."""
        return sum(1 for connection in self.connections if not connection.idle)

    def _gauges(self) -> dict[str, float]:
        return {
            "modelserver_connections": len(self.connections),
            "modelserver_buffered_bytes": self.buffered,
            "modelserver_requests_in_flight": self.workers.in_flight,
        }

    def stop_listening(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    def close_idle(self) -> None:
        for connection in tuple(self.connections):
            if connection.idle and not connection.closing:
                connection.close()

    def abort(self) -> None:
        """The end: whoever is still here has had time."""
        if self._sweep is not None:
            self._sweep.cancel()
        for connection in tuple(self.connections):
            if connection.transport is not None:
                connection.transport.abort()

    def _sweep_deadlines(self) -> None:
        # One timer for all: a timer for each state of each connection would cost every request.
        now = self.now()
        for connection in [c for c in self.connections if c.deadline < now]:
            connection.expire()
        self._sweep = self.loop.call_later(SWEEP_SECONDS, self._sweep_deadlines)


def _socket(host: str, port: int) -> socket.socket:
    """IPv4 and IPv6 on one socket where the machine has both."""
    if host:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    if socket.has_dualstack_ipv6():
        try:
            return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=BACKLOG)
        except OSError as problem:
            if problem.errno != EADDRNOTAVAIL:
                raise
    return socket.create_server(("", port), backlog=BACKLOG)
