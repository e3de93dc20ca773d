"""The access log: one JSON line on stdout for a request, or for a sample of them. Off by default."""

import logging
import random
import re
import secrets
import sys
import time
from typing import Any, Protocol, TypeAlias

import orjson

from modelserver.server.app import Reply
from modelserver.server.http1 import TRACED, Head

ID = "x-request-id"
CALL = "gRPC"  # stands for the method, which is always POST
GIVEN = re.compile(rb"(?im)^x-request-id:[ \t]*([!-~]{1,128})\r$")
FORMS = {name.decode(): re.compile(form.pattern.decode()) for name, form in TRACED.items()}
Metadata: TypeAlias = tuple[tuple[str, Any], ...]


class RequestLog(Protocol):
    """What is told of each answered request: the access log, or tracing in front of it."""

    def record(self, head: Head, reply: Reply, seconds: float) -> str:
        """The header lines that go back to the caller."""


class AccessLog:
    """`sample` is the part of requests that is written, from above 0 to 1."""

    def __init__(self, sample: float) -> None:
        self._sample = sample
        self._log = logging.getLogger("modelserver.access")
        handler = logging.StreamHandler(sys.stdout)
        handler.setFormatter(logging.Formatter("%(message)s"))
        self._log.handlers, self._log.propagate = [handler], False
        self._log.setLevel(logging.INFO)

    def record(self, head: Head, reply: Reply, seconds: float) -> str:
        """The header lines that go back to the caller; its request id is made up where it came without one."""
        traced = dict(line.split(": ", 1) for line in head.echo.splitlines())
        echo = head.echo
        if ID not in traced and (given := GIVEN.search(reply.head)):  # by the candidate that answered it
            traced[ID] = given[1].decode("latin-1")
        elif ID not in traced:
            traced[ID] = secrets.token_hex(16)
            echo += f"{ID}: {traced[ID]}\r\n"
        # What stands in a query may be a secret.
        self._write(head.method, head.target.partition("?")[0], reply, seconds, traced)
        return echo

    def record_call(self, path: str, metadata: Metadata, trailing: Metadata, reply: Reply, seconds: float) -> Metadata:
        """After a gRPC call, in any thread; gives the trailing metadata, with the request's id."""
        traced = {name: str(value) for name, value in metadata if name in FORMS and FORMS[name].fullmatch(str(value))}
        given = dict(trailing).get(ID)  # by the candidate that answered it
        traced.setdefault(ID, str(given) if given else secrets.token_hex(16))
        self._write(CALL, path, reply, seconds, traced)
        return trailing if given else (*trailing, (ID, traced[ID]))

    def _write(self, method: str, path: str, reply: Reply, seconds: float, traced: dict[str, str]) -> None:
        """If it is one of the sample."""
        if self._sample < 1 and random.random() >= self._sample:
            return
        line = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "method": method,
            "path": path,
            "status": reply.status,
            "bytes": len(reply.body),
            "seconds": round(seconds, 6),
            "request_id": traced[ID],
        }
        if "traceparent" in traced:
            line["traceparent"] = traced["traceparent"]
        if reply.error:
            line["error"] = reply.error
        self._log.info("%s", orjson.dumps(line).decode())
