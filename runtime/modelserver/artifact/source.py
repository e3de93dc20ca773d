"""What a place that holds models can do, whatever its protocol: list its files, open one at an offset."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Protocol
from urllib.parse import urlsplit, urlunsplit

from modelserver.errors import ModelNotFound

CHUNK_BYTES = 1024 * 1024


class Interrupted(Exception):
    """The connection broke or the place had a bad moment: worth another try, from where we were."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of a model: `path` relative to the model with `/`, `key` what the source calls it, `size` if told."""

    path: str
    key: str
    size: int | None


@dataclass(frozen=True, slots=True)
class Part:
    """The bytes of a file from `offset` to its end.

    `offset` is 0 although more was asked for when the source can't resume, or when the file has changed since.
    `validator` proves, in a later call, that the file is still the same one. `size` is that of the whole file.
    """

    offset: int
    size: int | None
    validator: str | None
    chunks: Iterator[bytes]


class Source(Protocol):
    """A model at a URI."""

    def files(self) -> tuple[Sequence[RemoteFile], bool]:
        """The model's files, and whether the URI names a folder."""

    def open(self, file: RemoteFile, offset: int, validator: str | None) -> Part:
        """Raises Interrupted when trying again may help, a ContainerError when not."""


def without_secrets(uri: str) -> str:
    """The URI as it may be shown: a query string can hold a signature, user info a password."""
    parts = urlsplit(uri)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def safe_path(path: str, listed_by: str) -> str:
    """`path` if it stays inside the model's folder; what a listing says is not to be trusted with that."""
    pure = PurePosixPath(path)
    if not path or pure.is_absolute() or ".." in pure.parts or "\\" in path or "\0" in path or "\n" in path:
        raise ModelNotFound(f"{listed_by} lists a file named {path!r}, which does not stay inside the model's folder.")
    return str(pure)
