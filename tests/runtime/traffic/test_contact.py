"""A Service that takes no connection yet is not held against the candidate behind it, but not for ever."""

import asyncio
import time

import pytest

from bench.ports import free_port
from modelserver.traffic.contact import FIRST_CONTACT_SECONDS, Contact
from modelserver.traffic.document import Address
from modelserver.traffic.forward import AWAITED, Failed, Forwarder
from modelserver.traffic.patience import Patience
from modelserver.traffic.pool import Pool


def test_awaited_until_it_was_made_or_the_time_is_over() -> None:
    contact = Contact(100.0)
    assert contact.awaited(100.0 + FIRST_CONTACT_SECONDS - 0.1)
    assert not contact.awaited(100.0 + FIRST_CONTACT_SECONDS)
    contact.begin(200.0)
    assert contact.awaited(200.0)
    contact.made()
    assert not contact.awaited(200.0)
    contact.begin(300.0)  # other pods
    assert contact.awaited(300.0)


def kinds_against_a_closed_port(contact: Contact, requests: int) -> list[str]:
    """Why each of so many requests failed; the circuit opens after three."""
    port = free_port()

    async def ask() -> list[str]:
        forwarder = Forwarder(Pool(Address("127.0.0.1", port), 4, time.monotonic), contact, time.monotonic)
        found = []
        for _ in range(requests):
            with pytest.raises(Failed) as failed:
                await forwarder.ask(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n", b"", Patience(1.0, True))
            found.append(failed.value.kind)
        return found

    return asyncio.run(ask())


def test_refused_before_the_first_contact() -> None:
    assert kinds_against_a_closed_port(Contact(time.monotonic()), 5) == [AWAITED] * 5


def test_refused_when_it_was_reached_before_or_never_is() -> None:
    reached = Contact(time.monotonic())
    reached.made()
    assert kinds_against_a_closed_port(reached, 5) == ["unreachable"] * 5
    late = Contact(time.monotonic() - FIRST_CONTACT_SECONDS)
    assert kinds_against_a_closed_port(late, 5) == ["unreachable"] * 5
