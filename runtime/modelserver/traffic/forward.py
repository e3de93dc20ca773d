"""Ask the candidate over HTTP: its answer, or why there is none. What to do then is the caller's decision."""

import asyncio
from collections.abc import Callable

from modelserver.traffic.circuit import Circuit
from modelserver.traffic.contact import Contact
from modelserver.traffic.patience import Patience
from modelserver.traffic.pool import Full, Pool
from modelserver.traffic.upstream import Answer, Refused, Stale, Unreachable, Upstream

# An answer to the request itself. Everything else (another path, key or state than this pod's) tells that the candidate
# could not do what this pod can, and so is the candidate's failure.
ANSWERS = frozenset({*range(200, 300), 400, 413, 415, 422})
FAILURE_BY_STATUS = {503: "overloaded", 504: "timeout"}
HURRIED = "hurried"  # no answer in a time that is too short for anybody
AWAITED = "awaited"  # not to be reached yet, which need not be the candidate's fault
UNCOUNTED = frozenset({HURRIED, AWAITED})  # nobody's failure


class Failed(Exception):
    """The candidate has not answered; `kind` is one of counts.FAILURES, or of UNCOUNTED."""

    def __init__(self, kind: str, why: str) -> None:
        super().__init__(why)
        self.kind = kind


class Forwarder:
    """The way to one candidate. `now`: a clock in seconds."""

    def __init__(self, pool: Pool, contact: Contact, now: Callable[[], float]) -> None:
        self.pool, self._contact, self._now = pool, contact, now
        self.circuit = Circuit()

    async def ask(self, head: bytes, body: bytes, patience: Patience) -> Answer:
        """An answer to the request, be it a refusal. Raises Failed. Cancelled, it closes the connection."""
        if not self.circuit.allow(self._now()):
            raise Failed(self._unless_awaited("unreachable"), "The candidate could not be reached a moment ago.")
        try:
            async with asyncio.timeout(patience.seconds):
                answer = await self._ask(head, body)
        except Full:
            self.circuit.abandoned()
            raise Failed("overloaded", "All connections to the candidate are in use.") from None
        except Unreachable as problem:
            self.circuit.failed(self._now())
            raise Failed(self._unless_awaited("unreachable"), str(problem)) from None
        except TimeoutError:
            if patience.fair:
                self.circuit.failed(self._now())
            else:
                self.circuit.abandoned()
            kind = self._unless_awaited("timeout") if patience.fair else HURRIED
            raise Failed(kind, f"The candidate did not answer within {patience.seconds:.3g} s.") from None
        except BaseException:
            self.circuit.abandoned()
            raise
        self.circuit.answered()
        self._contact.made()
        if answer.status not in ANSWERS:
            kind = FAILURE_BY_STATUS.get(answer.status, "error")
            if kind == "timeout" and not patience.fair:
                kind = HURRIED
            raise Failed(kind, f"The candidate answered {answer.status}: {answer.body[:200].decode(errors='replace')}")
        return answer

    def _unless_awaited(self, kind: str) -> str:
        return AWAITED if self._contact.awaited(self._now()) else kind

    async def _ask(self, head: bytes, body: bytes) -> Answer:
        connection = self.pool.idle()
        if connection is not None:
            try:
                return await connection.exchange(head, body)
            except Stale:
                pass  # it was closed while it was idle; asking a model twice changes nothing, so once more
            finally:
                self.pool.give_back(connection)
        connection = await self._fresh_connection()
        try:
            return await connection.exchange(head, body)
        finally:
            self.pool.give_back(connection)

    async def _fresh_connection(self) -> Upstream:
        try:
            connection = await self.pool.fresh()
        except Refused:
            connection = await self.pool.fresh()  # of several pods one may just have gone; kube-proxy chooses again
        self._contact.made()
        return connection
