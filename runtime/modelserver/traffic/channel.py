"""Ask the candidate over gRPC, bytes in, bytes out; imported only where MODELSERVER_GRPC_PORT is on.

Used in the gRPC server's threads, and by the event loop for copies.
"""

import itertools
import threading
import time
from typing import Any

import grpc

from modelserver.traffic.circuit import Circuit
from modelserver.traffic.contact import Contact
from modelserver.traffic.document import Address
from modelserver.traffic.forward import AWAITED, HURRIED, Failed
from modelserver.traffic.patience import Patience
from modelserver.traffic.pool import CONNECT_SECONDS

METHOD = "/inference.GRPCInferenceService/ModelInfer"
# A connection is to one of the candidate's pods, which asks its clients to connect anew now and then.
CONNECTIONS_OF_USERS, CONNECTIONS_OF_COPIES = 4, 2
CONNECT = round(CONNECT_SECONDS * 1000)
OPTIONS = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.use_local_subchannel_pool", 1),  # or all channels of one address would share a connection
    ("grpc.min_reconnect_backoff_ms", CONNECT),  # which is also how long a connection may take to come about
    ("grpc.initial_reconnect_backoff_ms", CONNECT),
    ("grpc.max_reconnect_backoff_ms", 2 * CONNECT),
    ("grpc.enable_retries", 0),  # what fails here, this pod answers itself
)
# An answer to the request itself goes back to the caller; see forward.ANSWERS.
ANSWERS = frozenset({grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.RESOURCE_EXHAUSTED})
Metadata = tuple[tuple[str, Any], ...]


class Refusal(Exception):
    """The candidate's answer to a request that it does not like, to be passed on."""

    def __init__(self, code: grpc.StatusCode, details: str, trailing: Metadata) -> None:
        super().__init__(details)
        self.code, self.details, self.trailing = code, details, trailing


class Channel:
    """The way to one candidate's gRPC port. Methods may be called from any thread."""

    def __init__(self, address: Address, connections: int, contact: Contact) -> None:
        self._channels = [grpc.insecure_channel(str(address), OPTIONS) for _ in range(connections)]
        self._next = itertools.cycle([channel.unary_unary(METHOD) for channel in self._channels])
        self._circuit, self._contact = Circuit(), contact
        self._lock = threading.Lock()  # of the circuit, the cycle, and the calls under way
        self._under_way, self._retired = 0, False

    def send(self, body: bytes, metadata: Metadata, patience: Patience) -> Any:
        """The call, a grpc.Future, for `outcome`. Raises Failed where the candidate could not be reached lately."""
        with self._lock:
            if self._retired:  # a newer document came after this call was meant for the candidate
                raise Failed("unreachable", "It is no candidate any more.")
            if not self._circuit.allow(time.monotonic()):
                raise Failed(self._unreachable, "The candidate could not be reached a moment ago.")
            call = next(self._next)
            self._under_way += 1
        try:
            return call.future(body, timeout=patience.seconds, metadata=metadata)
        except Exception as problem:  # metadata that gRPC does not send, a thread that can't be started
            with self._lock:
                self._circuit.abandoned()
                self._under_way -= 1
            raise Failed("error", f"The call could not be sent: {problem}") from None

    def outcome(self, call: Any, patience: Patience) -> tuple[bytes, Metadata]:
        """Wait for a call's answer and its trailing metadata. Raises Failed, Refusal, grpc.FutureCancelledError."""
        try:
            return self._outcome(call, patience)
        finally:
            with self._lock:
                self._under_way -= 1
            if self._retired:
                self.retire()

    def _outcome(self, call: Any, patience: Patience) -> tuple[bytes, Metadata]:
        try:
            answer: bytes = call.result()
        except grpc.FutureCancelledError:
            with self._lock:
                self._circuit.abandoned()
            raise
        except grpc.RpcError:
            raise self._refused(call, patience) from None
        with self._lock:
            self._circuit.answered()
            self._contact.made()
        return answer, _plain(call)

    def _refused(self, call: Any, patience: Patience) -> Exception:
        code, details, trailing = call.code(), call.details() or "", _plain(call)
        hurried = code is grpc.StatusCode.DEADLINE_EXCEEDED and not patience.fair
        # The candidate signs what it says; UNAVAILABLE without its name is gRPC's own, of a connection. That more calls
        # came at once than it takes, gRPC says for it.
        signed = any(name == "x-modelway-revision" for name, _ in trailing)
        crowded = code is grpc.StatusCode.RESOURCE_EXHAUSTED and not signed
        with self._lock:
            if signed or crowded:
                self._circuit.answered()
                self._contact.made()
            elif hurried:
                self._circuit.abandoned()
            else:
                self._circuit.failed(time.monotonic())
        if code in ANSWERS and signed:
            return Refusal(code, details, trailing)
        if crowded or code is grpc.StatusCode.UNAVAILABLE:
            return Failed("overloaded" if signed or crowded else self._unreachable, details)
        if hurried:
            return Failed(HURRIED, details)
        return Failed("timeout" if code is grpc.StatusCode.DEADLINE_EXCEEDED else "error", f"{code.name}: {details}")

    @property
    def _unreachable(self) -> str:
        return AWAITED if self._contact.awaited(time.monotonic()) else "unreachable"

    def retire(self) -> None:
        """Close when the last call has ended: closing cancels those that are under way."""
        with self._lock:
            self._retired = True
            if self._under_way:
                return
        for channel in self._channels:
            channel.close()


class Channels:
    """To one candidate: copies can't take connections, or the circuit, from users."""

    def __init__(self, address: Address, contact: Contact) -> None:
        self.users = Channel(address, CONNECTIONS_OF_USERS, contact)
        self.copies = Channel(address, CONNECTIONS_OF_COPIES, contact)

    def retire(self) -> None:
        self.users.retire()
        self.copies.retire()


def _plain(call: Any) -> Metadata:
    return tuple((name, value) for name, value in call.trailing_metadata() or () if not name.startswith("grpc-"))
