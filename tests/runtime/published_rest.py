"""What the published Open Inference Protocol v2 says of REST, as an OpenAPI 3.0 document for one model.

Source: specification/protocol/open_inference_rest.yaml of https://github.com/kserve/open-inference-protocol. Its facts
are told here in other words: the paths, the statuses of each, which members a document must have, of which type. Two
things differ. The paths have the served model's name and version in place of parameters: the published ones stand
behind a stray dollar sign, and any other name is rightly answered 404, which the published document does not know.
And each path is told without its version, too, as inference_rest.md allows.
"""

from typing import Any

JSON = "application/json"
TEXT = {"type": "string"}
SHAPE = {"type": "array", "items": {"type": "integer"}}


def document(model: str, version: str) -> dict[str, Any]:
    here = f"/v2/models/{model}"
    told: dict[str, Any] = {
        "/v2/health/live": {"get": {"responses": {"200": {"description": "live"}}}},
        "/v2/health/ready": {"get": {"responses": {"200": {"description": "ready"}}}},
        "/v2/": {"get": {"responses": {"200": _answer("ServerMetadata"), "400": _answer("Error")}}},
    }
    for path in (here, f"{here}/versions/{version}"):
        told[path] = {"get": {"responses": {"200": _answer("ModelMetadata")}}}
        told[f"{path}/ready"] = {"get": {"responses": {"200": {"description": "ready"}}}}
        told[f"{path}/infer"] = {
            "post": {
                "requestBody": {"content": {JSON: {"schema": _named("InferenceRequest")}}},
                "responses": {"200": _answer("InferenceResponse"), "400": _answer("InferenceError")},
            }
        }
    return {
        "openapi": "3.0.0",
        "info": {"title": "Open Inference Protocol, data plane", "version": "2.0"},
        "paths": told,
        "components": {"schemas": SCHEMAS},
    }


def _named(schema: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{schema}"}


def _answer(schema: str) -> dict[str, Any]:
    return {"description": schema, "content": {JSON: {"schema": _named(schema)}}}


def _object(required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    told = {"type": "object", "properties": {**required, **optional}}
    return told | ({"required": list(required)} if required else {})


def _list(schema: str) -> dict[str, Any]:
    return {"type": "array", "items": _named(schema)}


NAMED_SHAPE = {"name": TEXT, "shape": SHAPE, "datatype": TEXT}
TENSOR = _object({**NAMED_SHAPE, "data": _named("TensorData")}, parameters=_named("Parameters"))
SCHEMAS = {
    "ServerMetadata": _object({"name": TEXT, "version": TEXT, "extensions": {"type": "array", "items": TEXT}}),
    "ModelMetadata": _object(
        {"name": TEXT, "platform": TEXT},
        versions={"type": "array", "items": TEXT},
        inputs=_list("MetadataTensor"),
        outputs=_list("MetadataTensor"),
    ),
    "MetadataTensor": _object(NAMED_SHAPE),
    "Parameters": {"type": "object"},
    "TensorData": {
        "type": "array",
        "items": {"anyOf": [_named("TensorData"), {"type": "number"}, TEXT, {"type": "boolean"}]},
    },
    "RequestInput": TENSOR,
    "RequestOutput": _object({"name": TEXT}, parameters=_named("Parameters")),
    "ResponseOutput": TENSOR,
    "InferenceRequest": _object(
        {"inputs": _list("RequestInput")},
        id=TEXT,
        parameters=_named("Parameters"),
        outputs=_list("RequestOutput"),
    ),
    "InferenceResponse": _object(
        {"model_name": TEXT, "outputs": _list("ResponseOutput")},
        model_version=TEXT,
        id=TEXT,
        parameters=_named("Parameters"),
    ),
    "Error": _object({"error": TEXT}),
    "InferenceError": _object({}, error=TEXT),
}
