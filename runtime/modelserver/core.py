"""decode → run → encode, protocol-free: bytes in, bytes out. No sockets, no event loop, no clock in here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeAlias

from modelserver.errors import MalformedRequest
from modelserver.inference import Answer, Inference
from modelserver.protocol import instances, openinference, predict
from modelserver.session import Session
from modelserver.tensors import Signature

# A codec's: body, length of its JSON part or None, what answers name (model_name, model_version), what the model takes.
Decode: TypeAlias = Callable[[bytes, int | None, dict[str, Any], Signature], Inference]


CODECS: Mapping[str, Decode] = {
    "openinference": openinference.decode,
    "predict": predict.decode,
    "instances": instances.decode,
}


@dataclass(frozen=True, slots=True)
class Core:
    """A loaded model and the codecs around it. Methods may be called from several threads at once."""

    name: str
    version: str | None
    session: Session
    codecs: ClassVar[Mapping[str, Decode]] = CODECS
    head: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        head = {"model_name": self.name} | ({"model_version": self.version} if self.version else {})
        object.__setattr__(self, "head", head)

    def decode(self, decode: Decode, body: bytes, json_length: int | None) -> Inference:
        """A request's bytes as tensors. Raises RequestError."""
        if json_length is not None and json_length > len(body):
            raise MalformedRequest(
                f"Inference-Header-Content-Length is {json_length}, but the whole body has {len(body)} bytes. "
                "It must be the length of the JSON part, which the raw tensors follow."
            )
        return decode(body, json_length, self.head, self.session.signature)

    def infer(self, decode: Decode, body: bytes, json_length: int | None = None) -> Answer:
        """All of it here and now. Raises RequestError."""
        inference = self.decode(decode, body, json_length)
        return inference.encode(self.session.run(inference.inputs, inference.outputs))

    def metadata(self) -> bytes:
        facts = self.session.facts
        # The CPU alone is nothing to tell: what the metadata says of a model then depends on the model only.
        chosen = {name: facts[name] for name in ("providers", "nodes") if "nodes" in facts}
        versions = [self.version] if self.version else []
        return openinference.model_metadata(self.name, versions, self.session.signature, chosen)
