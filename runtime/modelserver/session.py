"""ONNX Runtime: load a model, tell its signature, run it. This room brings onnxruntime in, for ort_values.py too."""

import logging
import os
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

# Before onnxruntime is imported, which else opens a database, writes a device id and posts events to its maker;
# disable_telemetry_events() comes too late for that (microsoft/onnxruntime#27379, #29843).
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
# NumPy's BLAS is never called; its threads and their buffers would cost memory all the same.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import onnxruntime

from modelserver import ort_values
from modelserver.artifact import external
from modelserver.errors import (
    BadSettings,
    ContainerError,
    InternalError,
    ModelCorrupt,
    ModelRejectedInput,
    ModelUnsupported,
)
from modelserver.inference import Array, Outputs
from modelserver.onnx_types import flatten_parts, signature_of
from modelserver.providers import CPU, Provider, resolve, short
from modelserver.tensors import TensorSpec
from modelserver.threads import Cpus

log = logging.getLogger("modelserver")
VERSION = str(onnxruntime.__version__)
# ONNX Runtime's memory grows to what its largest run needed, and stays: 160 MB after a ResNet-50's batch of 16. After
# a run with this much input what is free goes back; it costs 0.1% of a ResNet-50's run, and less of larger ones.
LARGE_BYTES = 1024**2

# The first pattern found in ONNX Runtime's words (exception's name first) tells what went wrong, and what to do.
LOAD_ERRORS: tuple[tuple[str, type[ContainerError], str], ...] = (
    (
        r"[Ee]xternal (data|initializer)",
        ModelCorrupt,
        "Its weights lie in other files: give the URI of the folder that holds them all",
    ),
    (
        r"^InvalidProtobuf|No graph was found|^NoModel|ORT model verification",
        ModelCorrupt,
        "It is cut off or damaged: upload it again",
    ),
    (r"ORT format model version", ModelUnsupported, "Convert the .onnx model anew with the converter of this version"),
    (r"IR version|[Oo]pset \d+", ModelUnsupported, "Export it with an older opset"),
    (
        r"No Op registered|not a registered function|No opset import|^NotImplemented",
        ModelUnsupported,
        "Export it with standard ONNX operators and a supported opset",
    ),
    (r"", ModelUnsupported, "Check it with onnx.checker.check_model, and export it again"),
)


def load(path: Path, cpus: Cpus, threads: int | None, asked: tuple[Provider, ...] = ()) -> "Session":
    """Raises ModelCorrupt, ModelUnsupported, and BadSettings for a provider that is not there or does not start.

    `threads`: None leaves the number to the CPU quota and affinity. `asked` providers in order, () for the CPU.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or cpus.threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors; ours are told by exception
    if not cpus.spinning:
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if asked:  # who took which node; strings that the plain case need not keep
        options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    wanted = resolve(asked, onnxruntime.get_available_providers())
    try:
        session = started(path, options, wanted)
    except ContainerError:
        raise
    except Exception as problem:  # its exceptions have no common base but Exception
        external.check(path, path.name)  # tells what is wrong with weights in other files better
        raise load_error(path.name, type(problem).__name__, str(problem)) from None
    threads = options.intra_op_num_threads
    return Session(session, threads, facts(session, recorded=bool(asked)) | cpus.facts(threads))


def started(path: Path, options: Any, wanted: tuple[Provider, ...]) -> Any:
    """An InferenceSession with `wanted`, or with those behind the ones that do not start, which the log then tells.

    Raises ONNX Runtime's exception where the model is at fault, BadSettings where the last provider is.
    """
    for position, first in enumerate(wanted):
        rest = wanted[position:]
        try:
            session = _session(path, options, rest)
        except Exception as problem:
            if first.name == CPU:
                raise  # no provider's fault
            why = plain(str(problem))
        else:
            absent = [one for one in rest if one.name not in session.get_providers()]
            if not absent or absent[0] is not first:
                return session
            why = "ONNX Runtime left it out, as it does where a device, driver or library is missing"
        if position + 1 < len(wanted):
            log.warning("The provider %s did not start, %s is tried: %s", first.short, wanted[position + 1].short, why)
    _session(path, options, (Provider(CPU),))  # a model that does not load here either is at fault itself
    raise BadSettings(
        f"The provider {first.short} of MODELSERVER_PROVIDERS did not start: {why}. "
        f"Give the pod its device and driver, or list a fallback behind it: {first.short},cpu."
    )


def _session(path: Path, options: Any, providers: tuple[Provider, ...]) -> Any:
    pairs = [(one.name, dict(one.options)) for one in providers]
    # ONNX Runtime's own fallback prints to stdout and goes on with the CPU, whatever was asked for.
    return onnxruntime.InferenceSession(str(path), options, providers=pairs, enable_fallback=0)


def facts(session: Any, recorded: bool) -> dict[str, str]:
    """What runs the model, for people and metrics. `nodes`, if recorded, are the model's before fusions."""
    told = {"onnxruntime": VERSION, "providers": ",".join(short(name) for name in session.get_providers())}
    if recorded:
        taken: Counter[str] = Counter()
        for part in session.get_provider_graph_assignment_info():
            taken[short(part.ep_name)] += len(part.get_nodes())
        told["nodes"] = ",".join(f"{name}:{count}" for name, count in taken.most_common())
    return told


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
    words = re.sub(r"^\w+\.(cc|h):\d+ \S+ ", "", words)
    words = " ".join(words.split())
    return words[:500].rstrip(". ")


class Session:
    """A loaded model. `run` may be called from several threads at once.

    `facts`: threads, providers and the like, as `modelserver_session_info` tells them.
    """

    def __init__(self, session: Any, threads: int, facts: Mapping[str, str] = MappingProxyType({})) -> None:
        # The run below Python's, which looks through all of the model's inputs again: 0.9 µs. A codec has done that.
        self._run = getattr(session, "_sess", session).run
        # Made once: without options of ours ONNX Runtime makes some for each run, which takes 0.7 µs.
        self._options, self._shrinking = onnxruntime.RunOptions(), onnxruntime.RunOptions()
        self._shrinking.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        self.threads = threads
        self.facts = facts
        self.producer = str(session.get_modelmeta().producer_name)
        self.signature = signature_of(
            session.get_inputs(), session.get_overridable_initializers(), session.get_outputs()
        )
        self._all = [spec.name for spec in self.signature.outputs]
        # Nothing to convert and nothing that may be missing in any answer.
        self._plain = all(spec.parts == "tensor" and not spec.optional for spec in self.signature.outputs)
        self._special = session if ort_values.needed_for(self.signature) else None

    def run(self, inputs: dict[str, Array], outputs: tuple[TensorSpec, ...] | None) -> Outputs:
        """Run on one array an input; gives the requested outputs, or all. Raises ModelRejectedInput, InternalError.

        An optional output that the model gave no value is left out.
        """
        specs = self.signature.outputs if outputs is None else outputs
        try:
            if self._special is not None:
                values = ort_values.run(self._special, self.signature, specs, inputs)
            else:
                options = self._options
                for array in inputs.values():
                    if array.nbytes >= LARGE_BYTES:
                        options = self._shrinking
                values = self._run(self._all if outputs is None else [spec.name for spec in specs], inputs, options)
        except Exception as problem:  # its exceptions have no common base but Exception
            kind = ModelRejectedInput if type(problem).__name__ == "InvalidArgument" else InternalError
            raise kind(f"The model could not be run on this input: {plain(str(problem))}.") from None
        if self._plain:
            return list(zip(specs, values, strict=True))
        return [
            (spec, value if spec.parts == "tensor" else flatten_parts(spec, value))
            for spec, value in zip(specs, values, strict=True)
            if value is not None
        ]
