"""What can be fuzzed: each target takes bytes, and raises where the server would have done what it never may."""

import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from modelserver.artifact import onnx_file, recognise
from modelserver.artifact.expected import DOCUMENT, recorded_digest
from modelserver.errors import BadSettings, InternalError, ModelCorrupt, ModelNotAModel, RequestError, sentence
from modelserver.protocol import messages
from modelserver.server.app import App, Endpoint
from modelserver.traffic import answers as candidates
from modelserver.traffic import document
from tests.fuzz import answers, forward_target, http_target, served
from tests.fuzz.seeds import BINARY, BINARY_HEAD, DOCUMENTED, HEADS, INSTANCES, LONG, PREDICT, REQUESTS, V2
from tests.runtime import models

LONGEST = 2000  # characters; a termination message has 2 kB
CODECS = ("openinference", "predict", "instances")
MODELS: tuple[Callable[[], bytes], ...] = (
    models.linear,
    models.two_in_two_out,
    models.classifier,
    models.with_default,
    models.logarithm,
    *(lambda datatype=datatype: models.echo(datatype) for datatype in models.ONNX_TYPES),  # type: ignore[misc]
    lambda: models.echo("FP32", ()),
    lambda: models.echo("BYTES", ("N", 2)),
)


@cache
def _served(number: int) -> App:
    return served.app(MODELS[number]())


def codecs(data: bytes) -> None:
    """Byte 0: the model. Byte 1: the codec. Bytes 2, 3: Inference-Header-Content-Length + 1, 0 for none. Rest: body."""
    if len(data) < 4:
        return
    length, body = int.from_bytes(data[2:4], "big") - 1, data[4:]
    app, codec = _served(data[0] % len(MODELS)), CODECS[data[1] % len(CODECS)]
    with served.failures_raised():
        reply = app.infer(Endpoint("fuzz", codec), body, None if length < 0 else length)
    answers.checked(reply.status, reply.body)


def grpc(data: bytes) -> None:
    """Byte 0: the model. Rest: a ModelInferRequest."""
    if not data:
        return
    core = _served(data[0] % len(MODELS)).loaded
    try:
        request = messages.parse(messages.InferRequest, data[1:])
        inference = messages.decode(request, core.head, core.session.signature)
        answer = inference.encode(core.session.run(inference.inputs, inference.outputs))
    except InternalError as problem:
        raise AssertionError(f"the server failed: {problem}") from problem
    except RequestError as refusal:
        assert sentence(refusal)
    else:
        messages.InferResponse.FromString(answer.body)


@cache
def _folder() -> Path:
    """In memory where that is offered: thousands of files a second are written."""
    memory = Path("/dev/shm")
    made = tempfile.TemporaryDirectory(prefix="fuzz-", dir=memory if memory.is_dir() else None)
    _KEPT.append(made)
    return Path(made.name)


_KEPT: list[tempfile.TemporaryDirectory[str]] = []  # removed when the process ends


def onnx(data: bytes) -> None:
    """A file that claims to be a model."""
    path = _folder() / "model.onnx"
    path.write_bytes(data)
    try:
        recognise.check(path, "the file")
        onnx_file.read(path)
    except (ModelCorrupt, ModelNotAModel) as refusal:
        assert len(str(refusal)) <= LONGEST, f"a sentence of {len(str(refusal))} characters"


def traffic(data: bytes) -> None:
    """The traffic document, as `fetch` and as `serve` read it."""
    try:
        document.parse(data)
    except document.BadDocument as refusal:
        assert len(str(refusal)) <= LONGEST, f"a sentence of {len(str(refusal))} characters"
    path = _folder() / DOCUMENT
    path.write_bytes(data)
    try:
        recorded_digest(_folder(), "6f9c")
    except BadSettings as refusal:
        assert len(str(refusal)) <= LONGEST, f"a sentence of {len(str(refusal))} characters"


def candidate(data: bytes) -> None:
    """A candidate's answer, as the comparison reads it. Byte 0: the codec. Byte 1: bytes of JSON, 0 for all."""
    if len(data) < 2:
        return
    codec = sorted(candidates.READERS)[data[0] % len(candidates.READERS)]
    with suppress(ValueError):
        candidates.read(codec, data[2:], data[1] or None, ("label", "probabilities"))


@dataclass(frozen=True, slots=True)
class Target:
    run: Callable[[bytes], None]
    seeds: Callable[[], list[bytes]]


def _codec_seeds() -> list[bytes]:
    bodies = [(0, 0, V2), (0, 0, LONG), (0, len(BINARY_HEAD) + 1, BINARY), (1, 0, PREDICT), (2, 0, INSTANCES)]
    return [
        bytes((model, codec)) + length.to_bytes(2, "big") + body
        for model in range(len(MODELS))
        for codec, length, body in bodies
    ]


def _grpc_seeds() -> list[bytes]:
    request = messages.InferRequest(model_name="tiny", id="a")
    request.inputs.add(name="x", datatype="FP32", shape=[1, 4]).contents.fp32_contents.extend([1, 2, 3, 4])
    raw = messages.InferRequest(model_name="tiny", raw_input_contents=[bytes(16)])
    raw.inputs.add(name="x", datatype="FP32", shape=[1, 4])
    return [bytes((model,)) + one.SerializeToString() for model in range(len(MODELS)) for one in (request, raw)]


def _answer_seeds() -> list[bytes]:
    told = _served(0).infer(Endpoint("fuzz", "openinference"), V2, None)
    raw = _served(0).infer(Endpoint("fuzz", "openinference"), BINARY, len(BINARY_HEAD))
    length = int(raw.extra.split(": ")[1])
    answer = messages.InferResponse(model_name="tiny", raw_output_contents=[bytes(12)])
    answer.outputs.add(name="y", datatype="FP32", shape=[1, 3])
    # The readers by name: grpc, instances, openinference, predict.
    bodies = [(0, 0, answer.SerializeToString()), (1, 0, b'{"predictions": [{"a": 1, "b": [2.5]}]}')]
    bodies += [
        (2, 0, told.body),
        (2, length, raw.body),
        (3, 0, b'{"predictions": [1], "probabilities": [[0.5, null]]}'),
    ]
    return [bytes((reader, length)) + body for reader, length, body in bodies]


TARGETS: Mapping[str, Target] = {
    "http": Target(http_target.run, lambda: http_target.SEEDS),
    "codecs": Target(codecs, _codec_seeds),
    "grpc": Target(grpc, _grpc_seeds),
    "onnx": Target(onnx, lambda: [models.linear(), models.classifier(), models.sequence()]),
    "traffic": Target(traffic, lambda: [b'{"generation": 3, "digests": {"6f9c": "sha256:00"}}', DOCUMENTED]),
    "candidate": Target(candidate, _answer_seeds),
    "forward": Target(forward_target.run, lambda: REQUESTS + HEADS),
}
