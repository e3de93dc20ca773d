"""The sockets to listen on: TCP, with TLS if asked for, and a Unix domain socket."""

import os
import socket
import ssl
import stat
from errno import EADDRNOTAVAIL
from pathlib import Path

from modelserver.errors import BadSettings
from modelserver.settings import ServeSettings

DOORS = 8  # connections accepted in one round of the event loop
BACKLOG = 4096  # the kernel cuts it to net.core.somaxconn


def tcp(settings: ServeSettings) -> socket.socket:
    """Raises BadSettings when the address can't be had."""
    host, port = settings.http_host, settings.http_port
    try:
        return _bound(host, port)
    except OSError as problem:
        raise BadSettings(
            f"The server can't listen on {host or '*'}:{port} ({problem.strerror}). "
            "Choose another MODELSERVER_HTTP_PORT or MODELSERVER_HTTP_HOST."
        ) from None


def _bound(host: str, port: int) -> socket.socket:
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


def doors(listening: socket.socket) -> list[socket.socket]:
    """The socket and duplicates of it, each for a server of its own on the event loop.

    libuv accepts one connection in each round of the loop, and a round lasts as long as all requests that are ready:
    a thousand clients that came at once beside a thousand that ask waited for up to 3 s to be let in.
    """
    return [listening, *(listening.dup() for _ in range(DOORS - 1))]


def unix(path: Path, mode: int) -> socket.socket:
    """Takes the place of a socket that nobody listens on any more. Raises BadSettings."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # Bound beside it and moved there, so that nobody meets it before it has its mode.
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        if path.exists() or path.is_symlink():
            _must_be_left_behind(path)
        beside.unlink(missing_ok=True)
        listening.bind(str(beside))
        beside.chmod(mode)
        listening.listen(BACKLOG)
        beside.replace(path)
    except (OSError, BadSettings) as problem:
        listening.close()
        beside.unlink(missing_ok=True)
        if isinstance(problem, BadSettings):
            raise
        words = problem.strerror or str(problem)
        raise BadSettings(f"MODELSERVER_UNIX_SOCKET is {path}, where the server can't listen: {words}.") from None
    return listening


def _must_be_left_behind(path: Path) -> None:
    if not stat.S_ISSOCK(path.lstat().st_mode):
        raise BadSettings(f"MODELSERVER_UNIX_SOCKET is {path}, which is there and is no socket. Choose another path.")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            return
    raise BadSettings(f"MODELSERVER_UNIX_SOCKET is {path}, where another server listens. Choose another path.")


class Tls:
    """Server certificates that can be exchanged; a handshake that has begun keeps the former one."""

    def __init__(self, certificate: Path, key: Path) -> None:
        self.files = (certificate, key)
        self.certificate_pem = self.key_pem = b""  # the same as bytes, for gRPC
        self.current = self._empty()  # what the next handshake is made with
        self.context = self._empty()  # for the listening socket, once and for all
        self.context.sni_callback = self._choose

    def read(self) -> None:
        """Raises BadSettings, and keeps what it had, unless certificate and key can be read and fit together."""
        fresh = self._empty()
        try:
            pems = [file.read_bytes() for file in self.files]
            fresh.load_cert_chain(*self.files, password=_no_password)
        except (OSError, ValueError) as problem:  # SSLError is an OSError
            words = getattr(problem, "reason", None) or getattr(problem, "strerror", None) or str(problem)
            raise BadSettings(
                f"MODELSERVER_TLS_CERT {self.files[0]} and MODELSERVER_TLS_KEY {self.files[1]} can't be used: {words}. "
                "They must be a PEM certificate chain and its private key without a password."
            ) from None
        self.current = fresh
        self.certificate_pem, self.key_pem = pems

    def _choose(self, connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        connection.context = self.current  # called with and without a server name, before a certificate is needed

    @staticmethod
    def _empty() -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        return context


def _no_password() -> str:
    raise ValueError("the key has a password")  # or OpenSSL would ask a terminal, and wait
