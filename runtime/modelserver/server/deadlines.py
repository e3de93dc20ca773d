"""What becomes of a connection whose time is up. One sweep looks at all, so that a request needs no timer."""

from typing import TYPE_CHECKING

from modelserver.errors import RequestTimeout

if TYPE_CHECKING:
    from modelserver.server.acceptor import Acceptor
    from modelserver.server.connection import Connection

SWEEP_SECONDS = 0.5
NEARLY_FULL = 0.9  # of max_connections: from here on, connections that never asked anything are closed


def sweep(acceptor: "Acceptor") -> None:
    """Once every `SWEEP_SECONDS`."""
    now = acceptor.now()
    for connection in [one for one in acceptor.connections if one.deadline < now]:
        expire(connection)
    if len(acceptor.connections) > acceptor.settings.max_connections * NEARLY_FULL:
        _close_unused(acceptor, now - acceptor.settings.header_timeout)


def expire(connection: "Connection") -> None:
    """Its `deadline` has passed."""
    settings = connection.acceptor.settings
    if connection.busy and not connection.write_blocked:
        return
    if connection.write_blocked and connection.acceptor.unsent.read_on(connection):
        connection.deadline = connection.acceptor.now() + settings.write_timeout  # a slow one, but it reads
    elif connection.write_blocked or connection.closing:
        connection.give_up()
    elif connection.current is not None:
        connection.refuse(_late("body", settings.body_timeout))
    elif connection.buffer:
        connection.refuse(_late("head", settings.header_timeout))
    else:
        connection.close()


def _late(what: str, seconds: float) -> RequestTimeout:
    return RequestTimeout(f"The request's {what} did not arrive within {seconds:g} seconds.")


def _close_unused(acceptor: "Acceptor", before: float) -> None:
    """Make room: who came and never asked has no answer to lose."""
    idle = acceptor.settings.idle_timeout
    for connection in tuple(acceptor.connections):
        if connection.idle and connection.opened_at < before and connection.deadline == connection.opened_at + idle:
            connection.close()
