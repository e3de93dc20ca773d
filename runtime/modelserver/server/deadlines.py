"""What becomes of a connection whose time is up. One sweep looks at all, so that a request needs no timer."""

from typing import TYPE_CHECKING

from modelserver.errors import RequestTimeout

if TYPE_CHECKING:
    from modelserver.server.acceptor import Acceptor
    from modelserver.server.connection import Connection

SWEEP_SECONDS = 0.5
NEARLY_FULL = 0.9  # of max_connections: from here on, room is made
# Then a request has so many seconds to come, if not less by the settings. Honest heads take milliseconds.
HEAD_SECONDS, BODY_SECONDS = 2.0, 10.0


def sweep(acceptor: "Acceptor") -> None:
    """Once every `SWEEP_SECONDS`."""
    now = acceptor.now()
    for connection in [one for one in acceptor.connections if one.deadline < now]:
        expire(connection)
    if acceptor.present > acceptor.settings.max_connections * NEARLY_FULL:
        acceptor.hurry(HEAD_SECONDS)
        for connection in tuple(acceptor.connections):
            if not (connection.busy or connection.write_blocked or connection.closing) and _in_the_way(connection, now):
                expire(connection)


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


def _in_the_way(connection: "Connection", now: float) -> bool:
    """Of a server that is nearly full: who came and never asked, and whose request comes slowly."""
    settings = connection.acceptor.settings
    if connection.current is not None:
        return connection.deadline - settings.body_timeout + BODY_SECONDS < now
    if connection.buffer:
        return connection.deadline - settings.header_timeout + HEAD_SECONDS < now
    return not connection.has_asked and connection.opened_at + settings.header_timeout < now
