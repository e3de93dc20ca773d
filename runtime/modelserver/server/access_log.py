"""The access log: one JSON line on stdout for a request, or for a sample of them. Off by default."""

import logging
import random
import secrets
import sys
import time
from typing import Protocol

import orjson

from modelserver.server.app import Reply
from modelserver.server.http1 import Head


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
        if "x-request-id" not in traced:
            traced["x-request-id"] = secrets.token_hex(16)
            echo += f"x-request-id: {traced['x-request-id']}\r\n"
        if self._sample >= 1 or random.random() < self._sample:
            line = {
                "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                "method": head.method,
                "path": head.target.partition("?")[0],  # what stands in a query may be a secret
                "status": reply.status,
                "bytes": len(reply.body),
                "seconds": round(seconds, 6),
                "request_id": traced["x-request-id"],
            }
            if "traceparent" in traced:
                line["traceparent"] = traced["traceparent"]
            if reply.error:
                line["error"] = reply.error
            self._log.info("%s", orjson.dumps(line).decode())
        return echo
