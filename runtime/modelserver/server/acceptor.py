"""All connections of one listening socket: who is there, what they hold together, whose time is up."""

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING

from modelserver.errors import BadSettings
from modelserver.server import listeners
from modelserver.server.access import Keys
from modelserver.server.access_log import AccessLog, RequestLog
from modelserver.server.app import App
from modelserver.server.connection import Connection
from modelserver.server.deadlines import SWEEP_SECONDS, sweep
from modelserver.server.heads import KnownHeads
from modelserver.server.http1 import ResponseHeads
from modelserver.server.routes import Router
from modelserver.server.unsent import Unsent
from modelserver.server.watched import Watched
from modelserver.server.workers import Workers
from modelserver.settings import ServeSettings

if TYPE_CHECKING:
    from modelserver.server.tls_door import TlsDoor

REFUSALS = 256  # connections beyond the limit that are told so; each stays for some seconds, so the rest is cut off


class Acceptor:
    """What the connections share. Everything runs in the event loop's thread."""

    def __init__(self, app: App, workers: Workers, loop: asyncio.AbstractEventLoop) -> None:
        self.app, self.workers, self.loop = app, workers, loop
        self.settings: ServeSettings = app.settings
        self.keys = Keys(app.settings.api_keys_file) if app.settings.api_keys_file else None
        self.tls: listeners.Tls | None = None
        self.heads = KnownHeads(Router(app), app.settings, self.keys)
        self.response_heads = ResponseHeads(app.headers)
        sample = app.settings.access_log_sample
        self.written_log = AccessLog(sample) if sample > 0 else None
        self.access_log: RequestLog | None = self.written_log  # or tracing in front of it
        self.connections: set[Connection] = set()
        self.buffered = 0
        self.unsent = Unsent(app.settings.max_buffered_bytes)
        self.last_seen = 0.0  # when the last connection came or went, by `now`
        self.now = loop.time
        app.gauges = self._gauges
        self._servers: list[asyncio.Server] = []
        self._door: TlsDoor | None = None  # of a TLS port, in the place of servers
        self._unix: tuple[Path, int] | None = None  # path and inode of our socket
        self._watched: list[Watched] = []
        self._sweep: asyncio.TimerHandle | None = None

    async def listen(self) -> int:
        """Accept from now on; returns the port. Raises BadSettings when the address can't be had."""
        settings = self.settings
        if self.keys is not None:
            self._watched.append(Watched((self.keys.path,), self.keys.read))
        self.tls = tls = self._tls()
        listening = listeners.tcp(settings)
        port = int(listening.getsockname()[1])
        if tls is not None:
            from modelserver.server.tls_door import TlsDoor  # others need not pay for it

            self._door = TlsDoor(listening, tls.context, settings.header_timeout, self._room, lambda: Connection(self))
        else:
            for sock in listeners.doors(listening):
                self._servers.append(
                    await self.loop.create_server(lambda: Connection(self), sock=sock, backlog=listeners.BACKLOG)
                )
        if settings.unix_socket is not None:
            local = listeners.unix(settings.unix_socket, settings.unix_socket_mode)
            self._unix = (settings.unix_socket, settings.unix_socket.stat().st_ino)
            self._servers.append(
                await self.loop.create_unix_server(lambda: Connection(self), sock=local, backlog=listeners.BACKLOG)
            )
        self._sweep = self.loop.call_later(SWEEP_SECONDS, self._sweep_deadlines)
        return port

    def _tls(self) -> listeners.Tls | None:
        certificate, key = self.settings.tls_cert, self.settings.tls_key
        if (certificate is None) != (key is None):
            raise BadSettings("MODELSERVER_TLS_CERT and MODELSERVER_TLS_KEY belong together; only one is set.")
        if certificate is None or key is None:
            return None
        tls = listeners.Tls(certificate, key)
        self._watched.append(Watched(tls.files, tls.read))
        return tls

    @property
    def present(self) -> int:
        """Connections, those whose TLS handshake is under way included."""
        return len(self.connections) + (len(self._door) if self._door is not None else 0)

    def _room(self) -> bool:
        """Whether one more may begin its handshake; who is refused in words needs one, too."""
        self.last_seen = self.now()
        return self.present < self.settings.max_connections + REFUSALS

    def hurry(self, seconds: float) -> None:
        """The server is nearly full: handshakes that take longer than this must go."""
        if self._door is not None:
            self._door.let_go(seconds)

    def opened(self, connection: Connection) -> bool:
        """Whether there is room for this one (it is counted either way: refusing takes a moment, too)."""
        self.connections.add(connection)
        self.last_seen = self.now()
        beyond = len(self.connections) - self.settings.max_connections
        if beyond > REFUSALS:
            connection.give_up()
        return beyond <= 0

    def closed(self, connection: Connection) -> None:
        self.connections.discard(connection)
        self.last_seen = self.now()

    def asked(self, connection: Connection) -> None:
        """A draining server was asked for an inference."""
        self.app.newcomers.asked(time.monotonic() - (self.now() - connection.opened_at))

    @property
    def busy(self) -> int:
        """Connections on which something of a request has arrived that is not answered yet."""
        return sum(1 for connection in self.connections if not connection.idle)

    def _gauges(self) -> dict[str, float]:
        return {
            "modelserver_connections": self.present,
            "modelserver_buffered_bytes": self.buffered,
            "modelserver_unsent_bytes": self.unsent.total,
            "modelserver_requests_in_flight": self.workers.in_flight,
        }

    def stop_listening(self) -> None:
        for server in self._servers:
            server.close()
        self._servers.clear()
        if self._door is not None and not self._door.closed:
            self._door.close()
        if self._unix is not None:
            path, inode = self._unix
            if path.exists() and path.stat().st_ino == inode:  # not a successor's
                path.unlink()
            self._unix = None

    def close_idle(self) -> None:
        for connection in tuple(self.connections):
            if connection.idle and not connection.closing:
                connection.close()

    def abort(self) -> None:
        """The end: whoever is still here has had time."""
        if self._sweep is not None:
            self._sweep.cancel()
        self.hurry(0.0)
        for connection in tuple(self.connections):
            if connection.transport is not None:
                connection.transport.abort()

    def _sweep_deadlines(self) -> None:
        # One timer for all: a timer for each state of each connection would cost every request. Set first, so that
        # nothing below can be the last look of all.
        self._sweep = self.loop.call_later(SWEEP_SECONDS, self._sweep_deadlines)
        sweep(self)
        for watched in self._watched:
            if watched.look():
                self.heads.forget()
