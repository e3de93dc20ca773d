"""Files that change while the server runs, as mounted Secrets do: looked at now and then, taken whole or not at all."""

import logging
from collections.abc import Callable
from pathlib import Path

from modelserver.errors import BadSettings

log = logging.getLogger("modelserver")


class Watched:
    """`take` reads the files; it is called again when one has changed. It raises BadSettings where they are no good."""

    def __init__(self, files: tuple[Path, ...], take: Callable[[], None]) -> None:
        self._files, self._take = files, take
        self._seen = self._look()
        take()

    def _look(self) -> list[tuple[int, int, int]]:
        # Through the links: the kubelet swaps a link to a new folder, so the file is another one (st_ino).
        found = []
        for file in self._files:
            try:
                stat = file.stat()
            except OSError:
                found.append((0, 0, 0))
            else:
                found.append((stat.st_ino, stat.st_mtime_ns, stat.st_size))
        return found

    def look(self) -> bool:
        """Whether new content was taken; what is no good is told in the log, and the former content stays."""
        now = self._look()
        if now == self._seen:
            return False
        self._seen = now
        try:
            self._take()
        except BadSettings as problem:
            log.error("%s The former content stays in use.", problem)
            return False
        log.info("read anew: %s", ", ".join(map(str, self._files)))
        return True
