"""What a server of one model says of Triton's model repository, over REST and gRPC alike.

Source: Triton Inference Server, docs/protocol/extension_model_repository.md. The index has one entry; there is nothing
to load or unload, for a server has its model as long as it runs.
"""

import re

import orjson

from modelserver.errors import MalformedRequest
from modelserver.protocol.documents import document, shown
from modelserver.server.app import DRAINING, App, Reply

CONTROL = re.compile(r"/v2/repository/models/[^/]+/(?:un)?load")


def index(app: App, only_ready: bool) -> list[dict[str, str]]:
    """The entries; none where only a ready model is asked for, and it is not."""
    told = {"name": app.name, "version": app.settings.model_version or ""}
    if app.ready:
        return [{**told, "state": "READY"}]
    if only_ready:
        return []
    if app.core is None:
        return [{**told, "state": "LOADING"}]
    return [{**told, "state": "UNAVAILABLE", "reason": DRAINING}]


def answer(app: App, body: bytes) -> Reply:
    """The REST form: a body is not needed, and may be `{"ready": true}`. Raises MalformedRequest."""
    asked = document(body) if body.strip() else {}
    only_ready = asked.get("ready", False)
    if type(only_ready) is not bool:
        raise MalformedRequest(f"'ready' is {shown(only_ready)}, but it must be true or false.")
    return Reply(200, orjson.dumps(index(app, only_ready)))


def no_control(app: App) -> str:
    """The answer to whoever wants a model loaded or unloaded."""
    return (
        f"Models are not loaded or unloaded by requests here: this server has '{app.name}' for as long as it runs. "
        "Change spec.model.uri of the ModelDeployment, or start another server."
    )
