"""decode → run → encode, protocol-free: bytes in, bytes out. No sockets, no event loop, no clock in here."""

from dataclasses import dataclass, field
from typing import Any

from modelserver.protocol import openinference, predict
from modelserver.session import Session


@dataclass(frozen=True, slots=True)
class Core:
    """A loaded model and the codecs around it. Methods may be called from several threads at once."""

    name: str
    version: str | None
    session: Session
    _head: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        head = {"model_name": self.name} | ({"model_version": self.version} if self.version else {})
        object.__setattr__(self, "_head", head)

    def infer(self, body: bytes) -> bytes:
        """Open Inference Protocol v2, JSON. Raises RequestError."""
        request = openinference.decode(body, self.session.signature)
        outputs = self.session.run(request.inputs, request.outputs)
        return openinference.encode(self._head, request.id, outputs)

    def predict(self, body: bytes) -> bytes:
        """The plain way. Raises RequestError."""
        inputs = predict.decode(body, self.session.signature)
        return predict.encode(self.session.run(inputs, None))

    def metadata(self) -> bytes:
        return openinference.model_metadata(self.name, [self.version] if self.version else [], self.session.signature)
