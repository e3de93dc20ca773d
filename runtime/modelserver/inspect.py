"""`modelserver inspect`: what a model is, what it takes and gives, and how to serve it, before anything serves it.

The model is warmed up as a server does it, so that what is advised is what a server would meet.
"""

import hashlib
import resource
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson

from modelserver import example, session, warmup
from modelserver.artifact import onnx_file, recognise
from modelserver.artifact.digest import FetchedFile, model_digest
from modelserver.artifact.directory import CONTENT, open_model
from modelserver.artifact.disk import DiskSource
from modelserver.artifact.onnx_file import OnnxFile
from modelserver.artifact.source import CHUNK_BYTES
from modelserver.core import Core
from modelserver.errors import ContainerError, ModelAccessDenied, ModelFailed
from modelserver.inference import Array
from modelserver.providers import Provider
from modelserver.tensors import FLOATING, Signature, TensorSpec
from modelserver.threads import available

MIB = 1024**2
DIGITS = 10  # about what a random number takes in JSON, its comma included
LONGEST_CURL = 600


@dataclass(frozen=True, slots=True)
class Tensor:
    """`shape` as the model writes it: numbers, names of open sizes, "?" for those without a name."""

    name: str
    datatype: str
    shape: tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """Sizes in bytes, `run_seconds` of an undisturbed run of a synthetic request, None where none was accepted.

    `file` is None for ONNX Runtime's own format, which does not tell operators, opsets and weights.
    `batchable`: the first axis of each input and output is open, so requests could share one run.
    `runtime`: what ONNX Runtime was given here, as `modelserver_session_info` tells of a server.
    """

    path: str
    name: str
    digest: str
    bytes: int
    file: OnnxFile | None
    producer: str
    runtime: dict[str, str]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    batchable: bool
    run_seconds: float | None
    peak_memory_bytes: int
    settings: dict[str, str]
    advice: tuple[str, ...]
    request: dict[str, Any] | None
    curl: str


def inspect(path: Path, providers: tuple[Provider, ...] = ()) -> Report:
    """Look at a file, a folder or a fetched model directory, load it, warm it up. Raises ContainerError."""
    try:
        model, recorded = open_model(path)
        recognise.check(model, str(model))
        digest, size = _digest(path) if recorded is None else (recorded, _size(path / CONTENT))
    except PermissionError as problem:
        raise ModelAccessDenied(f"{problem.filename} may not be read: {problem.strerror}.") from None
    except ContainerError as problem:  # the same words help at a terminal, where there is no resource
        raise type(problem)(str(problem).replace("Check spec.model.uri", "Check the path")) from None
    told = onnx_file.read(model)
    loaded = session.load(model, available(), None, providers)
    specs = loaded.signature
    names = told.dimensions if told else {}
    name = model.stem if path.is_file() else "model"
    warmth = _warmth(Core(name, None, loaded))
    request = _request(specs, warmth)
    batchable = all(spec.shape[:1] == (-1,) for spec in (*specs.inputs, *specs.outputs))
    return Report(
        path=str(path),
        name=name,
        digest=digest,
        bytes=size,
        file=told,
        producer=loaded.producer,
        runtime=dict(loaded.facts),
        inputs=tuple(_tensor(spec, names) for spec in specs.inputs),
        outputs=tuple(_tensor(spec, names) for spec in specs.outputs),
        batchable=batchable,
        run_seconds=warmth.run_seconds if warmth else None,
        peak_memory_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        settings=_settings(specs, warmth),
        advice=_advice(told, path.is_dir(), batchable, warmth),
        request=request,
        curl=_curl(name, path, request),
    )


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _digest(path: Path) -> tuple[str, int]:
    """The digest that `fetch` would record, and the size."""
    listed, folder = DiskSource(path, Path("/"), str(path)).files()
    files = [FetchedFile(file.path, file.size or 0, _sha256(Path(file.key))) for file in listed]
    return model_digest(files, folder), sum(file.size for file in files)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _tensor(spec: TensorSpec, names: dict[str, tuple[int | str, ...]]) -> Tensor:
    named = names.get(spec.name, ())
    shape = named if len(named) == len(spec.shape) else tuple("?" if size < 0 else size for size in spec.shape)
    return Tensor(spec.name, spec.datatype.name, shape)


def _warmth(core: Core) -> warmup.Warmth | None:
    """None where a server would refuse to start, because requests of zeros or of ones ought to work and do not."""
    try:
        return warmup.warm_up(core, 1)
    except ModelFailed:
        return None


def _sample(warmth: warmup.Warmth | None) -> dict[str, Array]:
    return (warmth.sample if warmth else None) or {}


def _request(signature: Signature, warmth: warmup.Warmth | None) -> dict[str, Any] | None:
    """One that the model answers, where such a one is known; None if it would be too long for a reader."""
    sample = _sample(warmth)
    if not sample:
        return example.infer_request(signature)
    if sum(array.size for array in sample.values()) > example.LONGEST:
        return None
    told: dict[str, Any] = orjson.loads(warmup.request_body(signature, sample))
    return told


def _settings(signature: Signature, warmth: warmup.Warmth | None) -> dict[str, str]:
    """Settings that should differ from their defaults for this model."""
    wanted: dict[str, str] = {}
    if warmth is None:
        wanted["MODELSERVER_WARMUP_REQUESTS"] = "0"  # else the server ends: what it asks first must be answered
    shapes = {name: array.shape for name, array in _sample(warmth).items()}
    row = sum(
        prod(shapes.get(spec.name, example.shape_of(spec))) * (DIGITS if spec.datatype.name in FLOATING else 4)
        for spec in signature.inputs
    )
    if row * 32 > 64 * MIB:  # 32 rows in JSON go beyond MODELSERVER_MAX_BODY_BYTES's default
        wanted["MODELSERVER_MAX_BODY_BYTES"] = f"{-(-row * 32 // MIB)}Mi"
    return wanted


def _advice(told: OnnxFile | None, folder: bool, batchable: bool, warmth: warmup.Warmth | None) -> tuple[str, ...]:
    """Sentences about what a person could do better."""
    said = []
    if not batchable:
        said.append(
            "The first axis is not open in each input and output, so requests can't share a run: "
            "export it with a dynamic batch axis."
        )
    if warmth is None:
        said.append(
            "The model refuses a request of zeros and one of ones, and so the server would end with ModelFailed. If it "
            "answers real requests, MODELSERVER_WARMUP_REQUESTS=0 lets it start, cold, and ready only means loaded."
        )
    elif warmth.sample is None:
        said.append(
            "No synthetic request fits, so the server starts cold, runs the model in threads and makes no batches: fix "
            "the open sizes, or set MODELSERVER_EXECUTION=inline if a run takes less than a millisecond."
        )
    if told and told.external_files and not folder:
        said.append("Weights lie in other files: give the URI of the folder, not of the file.")
    return tuple(said)


def _curl(name: str, path: Path, request: dict[str, Any] | None) -> str:
    url = f"localhost:8080/v2/models/{quote(name, safe='')}/infer"
    if request is not None and len(line := example.curl(url, request)) <= LONGEST_CURL:
        return line
    return f"modelserver inspect {path} --request | curl {url} -d @-"
