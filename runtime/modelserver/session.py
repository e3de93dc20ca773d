"""ONNX Runtime: load a model, tell its signature, run it. The only room that imports onnxruntime."""

import os
import re
from pathlib import Path
from typing import Any

# Before onnxruntime is imported, which else opens a database, writes a device id and posts events to its maker;
# disable_telemetry_events() comes too late for that (microsoft/onnxruntime#27379, #29843).
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
# NumPy's BLAS is never called; its threads and their buffers would cost memory all the same.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import onnxruntime

from modelserver.errors import ContainerError, InternalError, ModelCorrupt, ModelRejectedInput, ModelUnsupported
from modelserver.inference import Array
from modelserver.tensors import BY_ONNX_NAME, Signature, TensorSpec
from modelserver.threads import Cpus

VERSION = str(onnxruntime.__version__)

# The first pattern found in ONNX Runtime's words (exception's name first) tells what went wrong, and what to do.
LOAD_ERRORS: tuple[tuple[str, type[ContainerError], str], ...] = (
    (r"External data", ModelCorrupt, "Its weights lie in other files: give the URI of the folder that holds them all"),
    (r"^InvalidProtobuf|No graph was found|^NoModel", ModelCorrupt, "It is cut off or damaged: upload it again"),
    (r"IR version|[Oo]pset \d+", ModelUnsupported, "Export it with an older opset"),
    (
        r"No Op registered|not a registered function|No opset import|^NotImplemented",
        ModelUnsupported,
        "Export it with standard ONNX operators and a supported opset",
    ),
    (r"", ModelUnsupported, "Check it with onnx.checker.check_model, and export it again"),
)
PARTS = re.compile(r"(?P<seq>seq\()?(?P<map>map\((?:int64|string),)?tensor\((?P<type>\w+)\)\)*$")


def load(path: Path, cpus: Cpus, threads: int | None) -> "Session":
    """Raises ModelCorrupt or ModelUnsupported. `threads`: None leaves the number to the CPU quota and affinity."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or cpus.threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors; ours are told by exception
    if not cpus.spinning:
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as problem:  # its exceptions have no common base but Exception
        raise load_error(path.name, type(problem).__name__, str(problem)) from None
    return Session(session, options.intra_op_num_threads)


def load_error(file: str, exception: str, words: str) -> ContainerError:
    """ONNX Runtime's exception in ours."""
    for pattern, kind, advice in LOAD_ERRORS:
        if re.search(pattern, f"{exception} {words}"):
            return kind(f"ONNX Runtime {VERSION} can't load {file}: {plain(words)}. {advice}.")
    raise AssertionError("the last pattern matches everything")


def plain(words: str) -> str:
    """The words without error codes, source locations and C++ signatures; at most 500 characters."""
    words = re.sub(r"\[ONNXRuntimeError\] : \d+ : \w+ : ", "", words)
    words = re.sub(r"/\S+\.(cc|h):\d+ \S.*?\) (?=[A-Z])", "", words, flags=re.S)
    words = " ".join(words.split())
    return words[:500].rstrip(". ")


def spec_of(argument: Any) -> TensorSpec:
    """The TensorSpec of an ONNX input or output; raises ModelUnsupported for what the protocols can't say."""
    match = PARTS.fullmatch(argument.type.removeprefix("optional(").rstrip(")") + ")")
    match = match or PARTS.fullmatch(argument.type)
    datatype = BY_ONNX_NAME.get(match["type"]) if match else None
    if match is None or datatype is None:
        raise ModelUnsupported(
            f"'{argument.name}' is of type {argument.type}, which the served protocols have no datatype for. "
            f"Cast it in the model to one of {', '.join(BY_ONNX_NAME)}."
        )
    if match["map"]:
        shape, parts = ((-1, -1), "maps") if match["seq"] else ((-1,), "map")
        return TensorSpec(argument.name, datatype, shape, parts)
    sizes = tuple(size if isinstance(size, int) and size >= 0 else -1 for size in argument.shape or ())
    if match["seq"]:
        return TensorSpec(argument.name, datatype, (-1, *sizes), "sequence")
    return TensorSpec(argument.name, datatype, sizes)


def flatten_parts(spec: TensorSpec, value: Any) -> Array:
    """One tensor from what an output that is no tensor holds; raises InternalError where there is no such tensor.

    Maps (ZipMap) give their values in the order of their keys, which ONNX Runtime sorts; sequences are stacked.
    """
    match spec.parts:
        case "maps":
            return np.array([list(row.values()) for row in value], dtype=spec.datatype.dtype)
        case "map":
            return np.array(list(value.values()), dtype=spec.datatype.dtype)
        case "sequence":
            shapes = {np.shape(part) for part in value}
            if len(shapes) > 1:
                raise InternalError(
                    f"Output '{spec.name}' is a sequence of tensors of several shapes: {sorted(shapes)}."
                )
            return np.stack(value) if value else np.zeros((0,), dtype=spec.datatype.dtype)
    return np.asarray(value, dtype=spec.datatype.dtype)


class Session:
    """A loaded model. `run` may be called from several threads at once."""

    def __init__(self, session: Any, threads: int) -> None:
        self._run = session.run
        self.threads = threads
        self.signature = Signature(
            tuple(spec_of(argument) for argument in session.get_inputs()),
            tuple(spec_of(argument) for argument in session.get_outputs()),
        )
        self._all = [spec.name for spec in self.signature.outputs]

    def run(self, inputs: dict[str, Array], outputs: tuple[TensorSpec, ...] | None) -> list[tuple[TensorSpec, Array]]:
        """Run on one array an input; gives the requested outputs, or all. Raises ModelRejectedInput, InternalError."""
        specs = self.signature.outputs if outputs is None else outputs
        try:
            values = self._run(self._all if outputs is None else [spec.name for spec in specs], inputs)
        except Exception as problem:  # its exceptions have no common base but Exception
            kind = ModelRejectedInput if type(problem).__name__ == "InvalidArgument" else InternalError
            raise kind(f"The model could not be run on this input: {plain(str(problem))}.") from None
        return [
            (spec, value if spec.parts == "tensor" and value is not None else flatten_parts(spec, value))
            for spec, value in zip(specs, values, strict=True)
        ]
