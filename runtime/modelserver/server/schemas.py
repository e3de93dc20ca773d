"""JSON Schemas (2020-12) of what a model's requests and answers look like, from its signature."""

from typing import Any, TypeAlias

from modelserver.tensors import FLOATING, Signature, TensorSpec

Schema: TypeAlias = dict[str, Any]

ANY_OBJECT: Schema = {"type": "object"}
SHAPE: Schema = {"type": "array", "items": {"type": "integer", "minimum": -1}}


def reference(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def object_of(**properties: Schema) -> Schema:
    """An object that has all of these; others may come beside them."""
    return {"type": "object", "required": list(properties), "properties": properties}


def error() -> Schema:
    return object_of(error={"type": "string", "minLength": 1, "description": "A sentence: what is wrong, what to do"})


def metadata(model: str) -> Schema:
    """What `GET /v2/models/{model}` answers."""
    tensor = object_of(name={"type": "string"}, datatype={"type": "string"}, shape=SHAPE)
    tensors: Schema = {"type": "array", "items": tensor}
    return object_of(name={"const": model}, platform={"type": "string"}, inputs=tensors, outputs=tensors)


def requests_and_answers(model: str, signature: Signature) -> dict[str, Schema]:
    """By their names under `components.schemas`."""
    outputs = [_output(spec) for spec in signature.outputs]
    infer = object_of(inputs=_each(signature.inputs))
    infer["properties"] |= {
        "id": {"type": ["string", "null"]},
        "parameters": ANY_OBJECT,
        "outputs": {
            "type": ["array", "null"],
            "items": object_of(name={"enum": [spec.name for spec in signature.outputs]}),
        },
    }
    answer = object_of(model_name={"const": model}, outputs={"type": "array", "items": {"anyOf": outputs}})
    answer["properties"] |= {"id": {"type": "string"}, "model_version": {"type": "string"}}
    predict = object_of(data=_nested_of(signature))
    return {
        "InferRequest": infer,
        "InferResponse": answer,
        "PredictRequest": predict,
        "PredictResponse": object_of(predictions={}),
        "RowsRequest": {
            "type": "object",
            "oneOf": [object_of(instances={"type": "array"}), object_of(inputs={})],
        },
        "RowsResponse": {"type": "object", "oneOf": [object_of(predictions={}), object_of(outputs={})]},
    }


def _each(specs: tuple[TensorSpec, ...]) -> Schema:
    required = sum(not spec.optional for spec in specs)
    schemas = [_input(spec) for spec in specs]
    return {"type": "array", "minItems": required, "maxItems": len(specs), "items": {"anyOf": schemas}}


def _input(spec: TensorSpec) -> Schema:
    data: Schema = {
        "type": "array",
        "items": {"anyOf": [_element(spec), {"type": "array"}]},
        "description": "Flat in row-major order, or nested as the shape says",
    }
    return object_of(name={"const": spec.name}, datatype={"const": spec.datatype.name}, shape=_shape(spec), data=data)


def _output(spec: TensorSpec) -> Schema:
    """As a schema for answers: `null` stands for NaN and the infinities."""
    told = object_of(
        name={"const": spec.name},
        datatype={"const": spec.datatype.name},
        shape={"type": "array", "items": {"type": "integer", "minimum": 0}},
    )
    told["properties"] |= {"data": {"type": "array", "items": _element(spec)}, "parameters": ANY_OBJECT}
    return told


def _shape(spec: TensorSpec) -> Schema:
    sizes = [{"const": size} if size >= 0 else {"type": "integer", "minimum": 0} for size in spec.shape]
    schema: Schema = {"type": "array", "minItems": len(sizes), "maxItems": len(sizes)}
    return schema | ({"prefixItems": sizes} if sizes else {})


def _element(spec: TensorSpec) -> Schema:
    """One number, boolean or string of the spec's datatype, as JSON."""
    name = spec.datatype.name
    if name in FLOATING or name.startswith(("FP", "BF")):
        return {"type": ["number", "null"]}
    if name in ("BOOL", "BYTES"):
        return {"type": "boolean" if name == "BOOL" else "string"}
    bits, signed = int(name.removeprefix("U").removeprefix("INT")), name.startswith("INT")
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    return {"type": "integer", "minimum": low, "maximum": high}


def _nested_of(signature: Signature) -> Schema:
    if len(signature.inputs) == 1:
        return {"description": _nesting(signature.inputs[0])}
    by_name = {spec.name: {"description": _nesting(spec)} for spec in signature.inputs}
    required = [spec.name for spec in signature.inputs if not spec.optional]
    return {"type": "object", "required": required, "properties": by_name}


def _nesting(spec: TensorSpec) -> str:
    sizes = " × ".join("any" if size < 0 else str(size) for size in spec.shape)
    return f"{spec.datatype.name}, nested lists of {sizes or 'no dimension: one element'}"
