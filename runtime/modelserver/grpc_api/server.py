"""The gRPC port: a server with a pool of threads beside the event loop, its limits, and its end."""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import grpc

from modelserver.errors import BadSettings
from modelserver.grpc_api.admission import Admission
from modelserver.grpc_api.calls import Calls
from modelserver.server.access import Keys
from modelserver.server.access_log import AccessLog
from modelserver.server.app import App
from modelserver.server.listeners import Tls
from modelserver.settings import ServeSettings

log = logging.getLogger("modelserver")
TICK_SECONDS = 0.05
SPARE_CALLS = 16  # beyond max_in_flight, so that health is still told when there is no room for inferences
MOST_THREADS = 1024  # started one by one, as calls come at the same time; each is about 50 kB
ONLY_IDENTITY = 1  # the bit of "no compression"
MINUTE = 60_000
AGE_JITTER = 1.1  # gRPC lets a connection become up to a tenth older than asked for


def threads(settings: ServeSettings) -> int:
    """Of the pool: each inference that waits for the model keeps one, and some are left for all other calls."""
    return min(settings.max_in_flight + SPARE_CALLS, MOST_THREADS)


def options(settings: ServeSettings) -> list[tuple[str, int]]:
    """gRPC's channel arguments (grpc/impl/channel_arg_names.h); times in milliseconds."""
    return [
        ("grpc.so_reuseport", 0),  # or two servers would share a port, and each get some of the calls
        ("grpc.max_receive_message_length", settings.max_body_bytes),
        ("grpc.max_send_message_length", -1),  # a model's answer is as large as it is
        ("grpc.max_metadata_size", settings.max_header_bytes),
        ("grpc.absolute_max_metadata_size", settings.max_header_bytes),
        ("grpc.max_allowed_incoming_connections", settings.max_connections),
        ("grpc.server_handshake_timeout_ms", round(settings.header_timeout * 1000) or 2 * MINUTE),
        ("grpc.max_concurrent_streams", settings.max_in_flight),
        # A small compressed message can become a huge one, and the limit above is only for the small one.
        ("grpc.compression_enabled_algorithms_bitset", ONLY_IDENTITY),
        ("grpc.keepalive_time_ms", MINUTE),  # a peer that vanished without a word is noticed,
        ("grpc.keepalive_timeout_ms", MINUTE // 3),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", MINUTE // 6),  # and clients may look as often as this
        ("grpc.http2.min_recv_ping_interval_without_data_ms", MINUTE // 6),
        ("grpc.max_connection_idle_ms", round(settings.idle_timeout * 1000)),
        ("grpc.max_connection_age_ms", round(connection_age(settings) * 1000)),
    ]


def connection_age(settings: ServeSettings) -> float:
    """Seconds after which a client is asked to connect anew: such that all have been asked within a drain.

    A gRPC client keeps its one connection, and so its one pod, and gRPC's Python server has two ways to send it away.
    Its stop() cancels the calls that arrive in the same moment (a few under load, each time). The age of a connection
    ends with a GOAWAY that gives notice, by which no call is lost; it also lets clients find pods that are new.
    """
    return max((settings.drain_seconds - settings.drain_min_seconds) * 0.8, 1.0)


def _credentials(tls: Tls) -> grpc.ServerCredentials:
    """gRPC asks at each new connection whether the certificate has changed."""

    def now() -> grpc.ServerCertificateConfiguration:
        return grpc.ssl_server_certificate_configuration([(tls.key_pem, tls.certificate_pem)])

    return grpc.dynamic_ssl_server_credentials(now(), now)


def _sum(gauges: dict[str, float], calls: Calls) -> dict[str, float]:
    """What the other front end holds, and what this one does."""
    ours = {
        "modelserver_requests_in_flight": calls.in_flight,
        "modelserver_buffered_bytes": calls.admission.held,
    }
    return gauges | {name: gauges.get(name, 0) + value for name, value in ours.items()}


class GrpcServer:
    """Listens from the start: before the model is loaded, calls are told so. Used in the event loop's thread."""

    def __init__(
        self,
        app: App,
        loop: asyncio.AbstractEventLoop,
        keys: Keys | None,
        tls: Tls | None,
        access_log: AccessLog | None = None,
    ) -> None:
        """Raises BadSettings when the port can't be had. Who has `keys` and `tls` reads them anew when they change."""
        settings = app.settings
        self._app, self._loop = app, loop
        most = threads(settings)
        self.calls = Calls(app, loop, Admission(settings, keys), most - SPARE_CALLS, access_log)
        self.calls.longest_age = connection_age(settings) * AGE_JITTER
        self.left = False  # whether the drain is over, but for the calls that are under way
        pool = ThreadPoolExecutor(most, thread_name_prefix="grpc")
        self._server = grpc.server(
            pool, handlers=(self.calls,), options=options(settings), maximum_concurrent_rpcs=most
        )
        host = f"[{settings.http_host}]" if ":" in settings.http_host else settings.http_host or "[::]"
        try:
            address = f"{host}:{settings.grpc_port}"
            if tls is None:
                self.port = self._server.add_insecure_port(address)
            else:
                self.port = self._server.add_secure_port(address, _credentials(tls))
        except RuntimeError:
            raise BadSettings(
                f"The server can't listen for gRPC on {host}:{settings.grpc_port}. "
                "Choose another MODELSERVER_GRPC_PORT or MODELSERVER_HTTP_HOST."
            ) from None
        front = app.gauges
        app.gauges = lambda: _sum(front(), self.calls)
        self._server.start()
        log.info("listening for gRPC on port %d", self.port)

    @property
    def busy(self) -> bool:
        """Whether inferences are under way."""
        return self.calls.in_flight > 0

    async def drain(self, hurried: Callable[[], bool]) -> None:
        """After SIGTERM: answer everybody until each client's connection has aged, then finish what has begun."""
        settings, began = self._app.settings, time.monotonic()
        # Polled, like the HTTP side: SIGTERM may come again at any time.
        while not hurried() and time.monotonic() < self._leave_at(began):  # noqa: ASYNC110
            await asyncio.sleep(TICK_SECONDS)
        self.left = True
        end = max(began + settings.drain_seconds, time.monotonic()) + settings.drain_grace_seconds
        stopped = self._server.stop(max(end - time.monotonic(), 0))
        ending = False
        while not stopped.is_set():
            if hurried() and not ending:
                ending = True  # the shorter of two times counts
                self._server.stop(settings.drain_grace_seconds)
            await asyncio.sleep(TICK_SECONDS)
        log.info("drained: gRPC")

    def _leave_at(self, began: float) -> float:
        """When nobody who was here is still on an old connection, as far as is known now; by time.monotonic."""
        settings = self._app.settings
        if self._app.core is None:
            return began  # never was ready, so nobody was ever sent here
        if settings.drain_alone_seconds and self._app.newcomers.expected:
            return began + settings.drain_seconds + settings.drain_alone_seconds
        aged = self.calls.last_seen + connection_age(settings) * AGE_JITTER
        notice = began + settings.drain_min_seconds
        return min(max(notice, aged), began + settings.drain_seconds)

    def close(self) -> None:
        """The end: whoever is still here has had time."""
        self._server.stop(None)
