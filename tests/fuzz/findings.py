"""A finding: the bytes that a target failed on, kept as a file that pytest runs again for ever."""

import hashlib
import traceback
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(__file__).with_name("findings")
LARGEST = 200_000  # bytes of a file that goes into the repository


def kept() -> list[Path]:
    """All findings so far, fixed or not; named `TARGET-HASH.bin`."""
    return sorted(FOLDER.glob("*-*.bin"))


def target_of(path: Path) -> str:
    return path.name.partition("-")[0]


def place(problem: BaseException) -> str:
    """Where it went wrong, so that one defect is told once: the kind, and the last lines of code that were ours."""
    frames = traceback.extract_tb(problem.__traceback__)
    ours = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames if "/modelserver/" in frame.filename]
    theirs = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames[-1:]]
    words = "".join(letter for letter in str(problem)[:40] if not letter.isdigit())
    return f"{type(problem).__name__} at {(ours or theirs)[-1]}: {words}"


@dataclass(slots=True)
class Book:
    """The findings of one run: the first input of each place is written to `folder`."""

    target: str
    folder: Path
    places: dict[str, Path] = field(default_factory=dict)

    def write(self, data: bytes, problem: BaseException) -> None:
        where = place(problem)
        if where in self.places:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{self.target}-{hashlib.sha256(data).hexdigest()[:12]}.bin"
        path.write_bytes(data[:LARGEST])
        self.places[where] = path
        print(f"finding: {where} -> {path}\n{problem}"[:600], flush=True)
