"""Is this ONNX at all? A look at the bytes, without onnxruntime, so that a wrong URI is told as such.

An .onnx file is one protobuf message (onnx.proto, ModelProto): a row of fields, the graph being one long one. Walking
over these few fields costs some seeks, and shows a file that was cut off however large it is.
"""

from pathlib import Path
from typing import BinaryIO

from modelserver.errors import ModelCorrupt, ModelNotAModel

# First bytes (after white space for the texts) of what people mistake for models.
MISTAKEN: tuple[tuple[bytes, str], ...] = (
    (b"<!doctype", "an HTML page"),
    (b"<html", "an HTML page"),
    (b"<?xml", "an XML document"),
    (b"{", "a JSON document"),
    (b"[", "a JSON document"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file that it points to"),
    (b"pk\x03\x04", "a zip archive (a PyTorch file is one too); export the model to ONNX"),
    (b"\x1f\x8b", "a gzip archive; unpack it first"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive; unpack it first"),
    (b"bzh", "a bzip2 archive; unpack it first"),
    (b"\x89hdf", "an HDF5 file (Keras); export the model to ONNX"),
    (b"\x80\x02", "a Python pickle; export the model to ONNX"),
    (b"\x80\x03", "a Python pickle; export the model to ONNX"),
    (b"\x80\x04", "a Python pickle; export the model to ONNX"),
    (b"\x80\x05", "a Python pickle; export the model to ONNX"),
    (b"%pdf", "a PDF document"),
)
ORT_MAGIC = b"ORTM"  # at offset 4: the FlatBuffers file identifier of ONNX Runtime's own format
# Field numbers of ModelProto and the wire type of each: 0 varint, 2 length-delimited.
MODEL_FIELDS = {1: 0, 2: 2, 3: 2, 4: 2, 5: 0, 6: 2, 7: 2, 8: 2, 14: 2, 20: 2, 25: 2, 26: 2}


def check(path: Path, origin: str) -> None:
    """Raise ModelNotAModel or ModelCorrupt unless the file at `path` can be a model; `origin` is for the sentence."""
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(512)
        if not start:
            raise ModelNotAModel(f"{origin} is empty (0 bytes). Check what spec.model.uri points to.")
        looks = start.lstrip().lower()
        for magic, name in MISTAKEN:
            if looks.startswith(magic):
                raise ModelNotAModel(f"{origin} is {name}, not an ONNX model. Check spec.model.uri.")
        if start[4:8] != ORT_MAGIC:
            file.seek(0)
            _walk(file, size, origin)


def _walk(file: BinaryIO, size: int, origin: str) -> None:
    seen: set[int] = set()
    while file.tell() < size:
        tag = _varint(file)
        number, wire = (tag >> 3, tag & 7) if tag is not None else (0, 0)
        if MODEL_FIELDS.get(number) != wire:
            if 7 in seen or (tag is None and seen):
                raise ModelCorrupt(
                    f"{origin} starts like an ONNX model but is damaged at byte {file.tell()}. Upload it again."
                )
            raise ModelNotAModel(f"{origin} does not start like an ONNX model. Check spec.model.uri.")
        value = _varint(file)
        end = file.tell() + (value if wire == 2 and value is not None else 0)
        if value is None or end > size:
            raise ModelCorrupt(
                f"{origin} is cut off: it has {size} bytes, its content goes to byte {end}. Upload it again."
            )
        file.seek(end)
        seen.add(number)
    if 7 not in seen:
        raise ModelCorrupt(f"{origin} holds no graph ({size} bytes): it is cut off or not a model. Upload it again.")


def _varint(file: BinaryIO) -> int | None:
    """A protobuf varint, or None where the file ends inside it or it is longer than 10 bytes."""
    value = 0
    for shift in range(0, 70, 7):
        byte = file.read(1)
        if not byte:
            return None
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value
    return None
