"""Clients that ask for one prediction after the other and tell whose answer it was. None ever retries."""

import socket
from typing import Protocol

import grpc

from modelserver.protocol.messages import InferRequest, InferResponse


class Caller(Protocol):
    """One connection."""

    def ask(self) -> str:
        """The revision that answered."""

    def close(self) -> None: ...


class Rest:
    """One kept-alive connection."""

    def __init__(self, port: int, name: str, body: bytes) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        head = f"POST /v2/models/{name}/infer HTTP/1.1\r\nHost: bench\r\nContent-Length: {len(body)}\r\n\r\n"
        self._request = head.encode() + body

    def ask(self) -> str:
        """The revision. Raises ConnectionError for everything that is not a whole answer with status 200."""
        self._socket.sendall(self._request)
        got = b""
        while (end := got.find(b"\r\n\r\n")) < 0:
            got += self._more()
        lines = dict(line.split(b": ", 1) for line in got[:end].split(b"\r\n")[1:])
        while len(got) < end + 4 + int(lines[b"content-length"]):
            got += self._more()
        if not got.startswith(b"HTTP/1.1 200 "):
            raise ConnectionError(f"Not a prediction: {got[:300]!r}")
        return lines[b"x-modelway-revision"].decode()

    def close(self) -> None:
        self._socket.close()

    def _more(self) -> bytes:
        more = self._socket.recv(262_144)
        if not more:
            raise ConnectionError("The server closed the connection.")
        return more


class Grpc:
    """One channel."""

    def __init__(self, port: int, name: str, numbers: int) -> None:
        # Or all channels of one address would share a connection.
        self._channel = grpc.insecure_channel(f"127.0.0.1:{port}", [("grpc.use_local_subchannel_pool", 1)])
        self._send = self._channel.unary_unary(
            "/inference.GRPCInferenceService/ModelInfer", None, InferResponse.FromString
        )
        asked = InferRequest(model_name=name)
        asked.inputs.add(name="x", datatype="FP32", shape=(1, numbers))
        asked.raw_input_contents.append(bytes(4 * numbers))
        self._request = asked.SerializeToString()

    def ask(self) -> str:
        """The revision. Raises grpc.RpcError."""
        _, call = self._send.with_call(self._request, timeout=30)
        return str(dict(call.trailing_metadata())["x-modelway-revision"])

    def close(self) -> None:
        self._channel.close()
