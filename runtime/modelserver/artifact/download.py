"""One file from a source to the disk: in chunks, hashed on the way, resumed after a broken connection."""

import errno
import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from modelserver.artifact.digest import FetchedFile
from modelserver.artifact.source import Interrupted, RemoteFile, Source
from modelserver.errors import ModelSourceUnreachable, ModelTooLarge

FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 8.0
TRIES_PER_ATTEMPT = 20  # a source that gives a few bytes each time must end too


@dataclass(frozen=True, slots=True)
class Bounds:
    """`bytes_left` of the size limit `limit`; `attempts` in a row that may bring nothing new."""

    bytes_left: int
    limit: int
    attempts: int


def pause_before(attempt: int, luck: float) -> float:
    """Seconds before try `attempt` (1 is the first repetition): doubled each time, with `luck` in 0…1 as jitter."""
    return min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** (attempt - 1)) * (0.5 + luck / 2)


def download(
    source: Source, file: RemoteFile, target: Path, bounds: Bounds, sleep: Callable[[float], None]
) -> FetchedFile:
    """Raises ModelTooLarge, ModelSourceUnreachable, or whatever the source says for good."""
    target.parent.mkdir(parents=True, exist_ok=True)
    progress = _Progress(target, file.path, bounds)
    barren = tries = 0
    with progress:
        while True:
            furthest = progress.furthest
            try:
                progress.receive(source, file)
                return FetchedFile(file.path, progress.received, progress.hasher.hexdigest())
            except Interrupted as broken:
                tries += 1
                barren = 1 if progress.furthest > furthest else barren + 1
                if barren >= bounds.attempts or tries >= bounds.attempts * TRIES_PER_ATTEMPT:
                    raise ModelSourceUnreachable(
                        f"{broken} (tried {tries} times, {progress.furthest} bytes came). "
                        "Check spec.model.uri and that the source can be reached from this pod."
                    ) from None
            sleep(pause_before(barren, random.random()))


class _Progress:
    """How far the file on disk is; `furthest` also remembers what was lost when it had to start again."""

    def __init__(self, target: Path, path: str, bounds: Bounds) -> None:
        self.path, self.bounds = path, bounds
        self.out = target.open("wb")
        self.hasher = hashlib.sha256()
        self.received = self.furthest = 0
        self.validator: str | None = None

    def __enter__(self) -> "_Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self.out.close()

    def receive(self, source: Source, file: RemoteFile) -> None:
        part = source.open(file, self.received, self.validator)
        if part.offset != self.received:
            self._restart()
        self.validator = part.validator
        if part.size is not None and part.size > self.bounds.bytes_left:
            raise self._too_large(f"{part.size} bytes")
        for chunk in part.chunks:
            self._take(chunk)
        if part.size is not None and self.received != part.size:
            raise Interrupted(f"{file.path} ended after {self.received} of {part.size} bytes")
        self._flush()

    def _restart(self) -> None:
        self.out.seek(0)
        self.out.truncate()
        self.hasher, self.received = hashlib.sha256(), 0

    def _take(self, chunk: bytes) -> None:
        if self.received + len(chunk) > self.bounds.bytes_left:
            raise self._too_large("more bytes than that")
        try:
            self.out.write(chunk)
        except OSError as problem:
            raise self._as_full(problem) from None
        self.hasher.update(chunk)
        self.received += len(chunk)
        self.furthest = max(self.furthest, self.received)

    def _flush(self) -> None:
        try:
            self.out.flush()
        except OSError as problem:
            raise self._as_full(problem) from None

    def _too_large(self, what: str) -> ModelTooLarge:
        return ModelTooLarge(
            f"The model is larger than MODELSERVER_MODEL_MAX_BYTES ({self.bounds.limit} bytes): {self.path} has {what}."
            " Raise the limit, or check spec.model.uri."
        )

    def _as_full(self, problem: OSError) -> Exception:
        if problem.errno not in (errno.ENOSPC, errno.EDQUOT):
            return problem
        return ModelTooLarge(
            f"The volume is full after {self.received} bytes of {self.path}. Give the pod more ephemeral storage."
        )
