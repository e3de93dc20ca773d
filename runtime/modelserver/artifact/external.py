"""Weights that lie beside the model in files of their own: are those that it names there, and whole?

ONNX's external data (https://github.com/onnx/onnx/blob/main/docs/ExternalData.md): a tensor names a file relative to
the model's folder, an offset and a length.
"""

from pathlib import Path, PurePosixPath

from modelserver.artifact import onnx_file
from modelserver.errors import ModelCorrupt


def check(model: Path, origin: str) -> None:
    """Raise ModelCorrupt, naming the file, unless every weights file lies in the model's folder and is long enough.

    `origin` is the model's name in the sentence. ONNX Runtime's own format has no such files, and what can't be read
    at all is for ONNX Runtime to refuse.
    """
    try:
        told = onnx_file.read(model)
    except (ModelCorrupt, ValueError):  # ValueError: an empty file can't be mapped
        return
    for location, needed in (told.external_files if told else {}).items():
        problem = _problem(model.parent, location, needed)
        if problem:
            raise ModelCorrupt(f"{origin} keeps weights in {location[:200]!r}, {problem}.")


def _problem(folder: Path, location: str, needed: int) -> str | None:
    """What is wrong with a weights file, as the end of a sentence; `needed` is its least size in bytes."""
    pure = PurePosixPath(location)
    if not location or pure.is_absolute() or ".." in pure.parts or "\0" in location or "\\" in location:
        return "which leads out of the model's folder. Export it again with a plain file name there"
    file = folder / pure
    if not file.is_file():
        return "which is not there. Put it beside the model, and give the URI of the folder that holds both"
    if not file.resolve().is_relative_to(folder.resolve()):
        return "which is a link that leads out of the model's folder. Put the file itself there"
    if (size := file.stat().st_size) < needed:
        return f"which is cut off: it has {size} bytes, the model needs {needed}. Upload it again"
    return None
