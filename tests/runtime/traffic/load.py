"""Clients that ask without a pause, and never retry."""

import threading
from collections import Counter
from collections.abc import Callable

from tests.runtime.traffic.fleet import wait_until


class Load:
    """`connect` makes a client, a function that gives the revision which answered; it runs in a thread of its own.

    `found` counts the revisions, and what came instead of an answer, after which that client stops.
    """

    def __init__(self, connect: Callable[[], Callable[[], str]], clients: int = 4) -> None:
        self.found, self._over = Counter[str](), threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._ask, args=(connect,)) for _ in range(clients)]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, connect: Callable[[], Callable[[], str]]) -> None:
        ask = connect()
        while not self._over.is_set():
            try:
                found, failed = ask(), False
            except Exception as problem:
                found, failed = repr(problem), True
            with self._lock:
                self.found[found] += 1
            if failed:
                return

    def answered(self, revision: str, more: int = 100) -> None:
        """Wait until so many more answers of this revision have come."""
        goal = self.found[revision] + more
        wait_until(lambda: self.found[revision] >= goal)
