"""The model directory: `content/` and, written last and atomically, `artifact.json` (contract in ARCHITECTURE.md)."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from modelserver.errors import BadSettings, ModelNotFound

CONTENT = "content"
ARTIFACT = "artifact.json"
SUFFIXES = (".onnx", ".ort")


@dataclass(frozen=True, slots=True)
class Artifact:
    """What lies in the directory. `entry` is the file to load, relative to `content/`."""

    uri: str
    digest: str
    bytes: int
    files: int
    entry: str


def choose_entry(paths: Iterable[str], of: str) -> str:
    """The only *.onnx or *.ort file, else model.onnx; raises ModelNotFound."""
    everything = sorted(paths)
    models = [path for path in everything if path.endswith(SUFFIXES)]
    if len(models) == 1:
        return models[0]
    if "model.onnx" in models:
        return "model.onnx"
    if models:
        raise ModelNotFound(
            f"{of} holds {len(models)} models ({', '.join(models[:5])}) and none is called model.onnx. "
            "Name the one to serve model.onnx, or give the URI of the file."
        )
    listing = ", ".join(everything[:5]) or "nothing"
    raise ModelNotFound(f"{of} holds no .onnx or .ort file; it holds {listing}. Check spec.model.uri.")


def write(directory: Path, artifact: Artifact) -> None:
    partial = directory / f".{ARTIFACT}"
    partial.write_text(json.dumps(asdict(artifact)) + "\n", encoding="utf-8")
    partial.replace(directory / ARTIFACT)


def read(directory: Path) -> Artifact | None:
    """The artifact of a finished fetch, or None where none has finished yet."""
    path = directory / ARTIFACT
    if not path.exists():
        return None
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return Artifact(**{name: document[name] for name in Artifact.__slots__})
    except (ValueError, KeyError, TypeError) as problem:
        raise BadSettings(
            f"{path} is not what `modelserver fetch` writes ({problem!r}). Delete it to fetch again."
        ) from None


def open_model(directory: Path) -> tuple[Path, str | None]:
    """The file to load and its digest, from a fetched directory, a plain folder, or a file (which have no digest)."""
    if directory.is_file():
        return directory, None
    artifact = read(directory)
    if artifact:
        return directory / CONTENT / artifact.entry, artifact.digest
    if not directory.is_dir():
        raise ModelNotFound(f"There is no {directory}. Give the path of a .onnx file or of a folder that holds one.")
    names = (str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file())
    return directory / choose_entry(names, str(directory)), None
