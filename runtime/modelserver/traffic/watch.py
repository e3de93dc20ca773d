"""Notices a new traffic document: a stat of the file four times a second, through the links that the kubelet swaps."""

import logging
from collections.abc import Callable
from pathlib import Path

from modelserver.traffic.document import BadDocument, Document, parse

log = logging.getLogger("modelserver")
FILE = "traffic.json"
LOOK_SECONDS = 0.25
LARGEST_BYTES = 1024 * 1024  # what a ConfigMap can hold


class Watch:
    """`apply` gets each new document. A broken one is told in the log and to `refused`, and the former one stays."""

    def __init__(
        self, folder: Path, apply: Callable[[Document], None], refused: Callable[[], None] = lambda: None
    ) -> None:
        self._path = folder / FILE
        self._apply, self._refused = apply, refused
        self._seen: tuple[int, int, int] | None = None

    def look(self) -> None:
        try:
            stat = self._path.stat()
        except OSError:
            return  # none yet; or gone, and then what it said last still holds
        # The kubelet writes a new folder and swaps a link to it, so the file is another one.
        now = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
        if now == self._seen:
            return
        self._seen = now
        try:
            document = parse(self._read())
        except (BadDocument, OSError) as problem:
            log.error("The traffic document %s is not used; the former one stays. %s", self._path, problem)
            self._refused()
            return
        self._apply(document)

    def _read(self) -> bytes:
        with self._path.open("rb") as file:
            text = file.read(LARGEST_BYTES + 1)
        if len(text) > LARGEST_BYTES:
            raise BadDocument(f"It is larger than {LARGEST_BYTES} bytes.")
        return text
