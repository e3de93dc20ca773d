"""Models on a mounted volume (`pvc://claim/path` under the source folder) or, outside clusters, on this machine."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from modelserver.artifact.source import CHUNK_BYTES, Interrupted, Part, RemoteFile, safe_path
from modelserver.errors import ModelAccessDenied, ModelNotFound


class DiskSource:
    """`path` is the model; everything read, links followed, must lie under `root`."""

    def __init__(self, path: Path, root: Path, shown: str) -> None:
        self.path, self.root, self.shown = path, root.resolve(), shown

    def files(self) -> tuple[Sequence[RemoteFile], bool]:
        self._inside(self.path)
        try:
            if self.path.is_file():
                return [RemoteFile(self.path.name, str(self.path), self.path.stat().st_size)], False
            if not self.path.is_dir():
                raise ModelNotFound(f"{self.shown} does not exist. Check spec.model.uri.")
            return [self._listed(path) for path in sorted(self.path.rglob("*")) if path.is_file()], True
        except PermissionError as problem:
            raise ModelAccessDenied(f"{self.shown} may not be read: {problem.strerror}.") from None

    def _listed(self, path: Path) -> RemoteFile:
        self._inside(path)
        relative = safe_path(path.relative_to(self.path).as_posix(), self.shown)
        return RemoteFile(relative, str(path), path.stat().st_size)

    def _inside(self, path: Path) -> None:
        if not path.resolve().is_relative_to(self.root):
            raise ModelNotFound(f"{self.shown} leads out of its volume (to {path.resolve()}).")

    def open(self, file: RemoteFile, offset: int, validator: str | None) -> Part:
        return Part(0, file.size, None, self._chunks(file))

    def _chunks(self, file: RemoteFile) -> Iterator[bytes]:
        try:
            with Path(file.key).open("rb") as source:
                while chunk := source.read(CHUNK_BYTES):
                    yield chunk
        except PermissionError as problem:
            raise ModelAccessDenied(f"{file.path} of {self.shown} may not be read: {problem.strerror}.") from None
        except FileNotFoundError:
            raise ModelNotFound(f"{file.path} of {self.shown} vanished while it was read.") from None
        except OSError as problem:  # a network file system's bad moment
            raise Interrupted(f"{file.path} of {self.shown} could not be read: {problem.strerror}") from None
