"""The digest of a model: one rule for a file, one for a folder (contract in ARCHITECTURE.md)."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FetchedFile:
    """A file that lies in the model directory: `sha256` in hexadecimal, `size` in bytes."""

    path: str
    size: int
    sha256: str


def model_digest(files: Sequence[FetchedFile], folder: bool) -> str:
    """A file's digest is its sha256; a folder's is that of its lines `<path> <size> <sha256>`, sorted by path."""
    if not folder:
        (file,) = files
        return f"sha256:{file.sha256}"
    lines = "".join(f"{f.path} {f.size} {f.sha256}\n" for f in sorted(files, key=lambda f: f.path))
    return f"sha256:{hashlib.sha256(lines.encode()).hexdigest()}"
