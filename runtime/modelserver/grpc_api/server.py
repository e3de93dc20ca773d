"""The gRPC port: a server with a pool of threads beside the event loop, its limits, and its end."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import grpc

from modelserver.errors import BadSettings
from modelserver.grpc_api.calls import Calls
from modelserver.server.app import App
from modelserver.settings import ServeSettings

log = logging.getLogger("modelserver")
TICK_SECONDS = 0.05
SPARE_CALLS = 16  # beyond max_in_flight, so that health is still told when there is no room for inferences
MOST_THREADS = 256  # started one by one, as calls come at the same time; each is about 50 kB
ONLY_IDENTITY = 1  # the bit of "no compression"
MINUTE = 60_000


def options(settings: ServeSettings) -> list[tuple[str, int]]:
    """gRPC's channel arguments (grpc/impl/channel_arg_names.h); times in milliseconds."""
    return [
        ("grpc.so_reuseport", 0),  # or two servers would share a port, and each get some of the calls
        ("grpc.max_receive_message_length", settings.max_body_bytes),
        ("grpc.max_send_message_length", -1),  # a model's answer is as large as it is
        ("grpc.max_metadata_size", settings.max_header_bytes),
        ("grpc.absolute_max_metadata_size", settings.max_header_bytes),
        ("grpc.max_allowed_incoming_connections", settings.max_connections),
        ("grpc.max_concurrent_streams", settings.max_in_flight),
        # A small compressed message can become a huge one, and the limit above is only for the small one.
        ("grpc.compression_enabled_algorithms_bitset", ONLY_IDENTITY),
        ("grpc.keepalive_time_ms", MINUTE),  # a peer that vanished without a word is noticed,
        ("grpc.keepalive_timeout_ms", MINUTE // 3),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", MINUTE // 6),  # and clients may look as often as this
        ("grpc.http2.min_recv_ping_interval_without_data_ms", MINUTE // 6),
        ("grpc.max_connection_idle_ms", round(settings.idle_timeout * 1000)),
        # A gRPC client keeps its one connection, and so its one pod; now and then it shall look who else is there.
        # This is a GOAWAY with notice, by which no call is lost.
        ("grpc.max_connection_age_ms", 5 * MINUTE),
    ]


class GrpcServer:
    """Listens from the start: before the model is loaded, calls are told so. Used in the event loop's thread."""

    def __init__(self, app: App, loop: asyncio.AbstractEventLoop) -> None:
        """Raises BadSettings when the port can't be had."""
        settings = app.settings
        self._app, self._loop = app, loop
        self.calls = Calls(app, loop)
        most = settings.max_in_flight + SPARE_CALLS
        pool = ThreadPoolExecutor(min(most, MOST_THREADS), thread_name_prefix="grpc")
        self._server = grpc.server(
            pool, handlers=(self.calls,), options=options(settings), maximum_concurrent_rpcs=most
        )
        host = f"[{settings.http_host}]" if ":" in settings.http_host else settings.http_host or "[::]"
        try:
            self.port = self._server.add_insecure_port(f"{host}:{settings.grpc_port}")
        except RuntimeError:
            raise BadSettings(
                f"The server can't listen for gRPC on {host}:{settings.grpc_port}. "
                "Choose another MODELSERVER_GRPC_PORT or MODELSERVER_HTTP_HOST."
            ) from None
        self._server.start()
        log.info("listening for gRPC on port %d", self.port)

    @property
    def busy(self) -> bool:
        """Whether inferences are under way."""
        return self.calls.in_flight > 0

    async def drain(self, hurried: Callable[[], bool]) -> None:
        """After SIGTERM: answer everybody for the least time of the drain, then GOAWAY, then wait for what has begun.

        A gRPC client stays on its connection until it is sent away, however long that is; so the GOAWAY does not wait
        for quiet, only until the news that this pod leaves has spread and clients will find another one.
        """
        settings, began = self._app.settings, self._loop.time()
        notice = began + min(settings.drain_min_seconds, settings.drain_seconds)
        # Polled, like the HTTP side: SIGTERM may come again at any time.
        while self._app.core is not None and not hurried() and self._loop.time() < notice:  # noqa: ASYNC110
            await asyncio.sleep(TICK_SECONDS)
        end = began + settings.drain_seconds + settings.drain_grace_seconds
        stopped = self._server.stop(max(end - self._loop.time(), 0))
        ending = False
        while not stopped.is_set():
            if hurried() and not ending:
                ending = True  # the shorter of two times counts
                self._server.stop(settings.drain_grace_seconds)
            await asyncio.sleep(TICK_SECONDS)
        log.info("drained: gRPC")

    def close(self) -> None:
        """The end: whoever is still here has had time."""
        self._server.stop(None)
