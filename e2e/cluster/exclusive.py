"""One at a time on this machine: several clones, sessions and test runs share the cluster and the cache."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from .progress import say
from .settings import cache


@contextmanager
def alone(work: str) -> Iterator[None]:
    """Hold the machine's lock for a kind of work; the kernel frees it when the process ends, however it ends."""
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / f"{work}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"somebody else is at work on the {work}; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
