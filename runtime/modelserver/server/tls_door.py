"""Connections of a TLS port until their handshakes are over: counted from the first moment on, and bounded.

The event loop's own server tells of a connection only when its handshake is done; thousands that never get there would
be nobody's, and each has a quarter of a megabyte of buffers.
"""

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress

from modelserver.server.listeners import DOORS

FULL = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})  # of the machine, not of this connection
PAUSE_SECONDS = 0.5  # where the machine is full: until somebody has gone


class TlsDoor:
    """Accepts on `listening` while there is `room`; `made` makes the protocol of a connection, after its handshake."""

    def __init__(
        self,
        listening: socket.socket,
        context: ssl.SSLContext,
        timeout: float,
        room: Callable[[], bool],
        made: Callable[[], asyncio.Protocol],
    ) -> None:
        """`timeout` in seconds, of a handshake; 0 for the event loop's own."""
        self._listening, self._context, self._timeout = listening, context, timeout
        self._room, self._made = room, made
        self._loop = asyncio.get_running_loop()
        self._shaking: dict[asyncio.Task[None], float] = {}  # since when, the longest first
        self._retry: asyncio.TimerHandle | None = None
        self.closed = False
        listening.setblocking(False)
        self._open()

    def __len__(self) -> int:
        """Handshakes that are under way."""
        return len(self._shaking)

    def _open(self) -> None:
        self._loop.add_reader(self._listening.fileno(), self._accept)

    def _accept(self) -> None:
        """A few at a time, so that connections have their turns between."""
        for _ in range(DOORS):
            try:
                client, _address = self._listening.accept()
            except ConnectionAbortedError:
                continue
            except BlockingIOError:
                return
            except OSError as problem:
                if problem.errno not in FULL:
                    raise
                self._loop.remove_reader(self._listening.fileno())
                self._retry = self._loop.call_later(PAUSE_SECONDS, self._open)
                return
            if not self._room():
                client.close()
                continue
            task = self._loop.create_task(self._shake(client))
            self._shaking[task] = self._loop.time()
            task.add_done_callback(self._shaking.pop)

    async def _shake(self, client: socket.socket) -> None:
        with suppress(OSError):  # the client's own failure: not TLS, too slow, gone (SSLError is an OSError)
            await self._loop.connect_accepted_socket(
                self._made, client, ssl=self._context, ssl_handshake_timeout=self._timeout or None
            )

    def let_go(self, older: float) -> None:
        """End the handshakes that have taken more than so many seconds."""
        limit = self._loop.time() - older
        for task, since in tuple(self._shaking.items()):
            if since < limit:
                task.cancel()

    def close(self) -> None:
        """Accept nobody more; handshakes go on."""
        self.closed = True
        if self._retry is not None:
            self._retry.cancel()
        self._loop.remove_reader(self._listening.fileno())
        self._listening.close()
