"""The v1 protocol, `POST /v1/models/<model>:predict`: rows of instances, or columns of inputs.

Sources: https://www.tensorflow.org/tfx/serving/api_rest#predict_api and
https://kserve.github.io/website/latest/modelserving/data_plane/v1_protocol/

- Row form: `{"instances": [row, …]}` → `{"predictions": [row, …]}`, one answer a row. A row is the input's value, or an
  object of values by input name where there are several; answers likewise. Every input and output has the rows as its
  first axis; an input that the model has a default for is given in all rows or in none.
- Column form: `{"inputs": value}` or `{"inputs": {name: value}}` → `{"outputs": value}` or, of several outputs,
  `{"outputs": {name: value}}`.
- A string may come as `{"b64": "…"}`, the base64 of its UTF-8.
- `signature_name`: an ONNX model has one signature, so anything but `serving_default` is refused.
"""

from base64 import b64decode
from typing import Any

import orjson

from modelserver.errors import InvalidTensor, MalformedRequest
from modelserver.inference import Answer, Array, Inference, Outputs
from modelserver.protocol.documents import document, json_type, shown
from modelserver.protocol.json_values import DEEPEST, has_booleans, jsonable, writable
from modelserver.protocol.predict import by_name, tensor
from modelserver.tensors import Signature, TensorSpec

SIGNATURE = "serving_default"


def decode(body: bytes, json_length: int | None, head: dict[str, Any], signature: Signature) -> Inference:
    """Raises MalformedRequest or InvalidTensor; there are no raw tensors after this JSON."""
    if json_length is not None:
        raise MalformedRequest("Inference-Header-Content-Length is for /v2/models/…/infer; send plain JSON here.")
    request = document(body)
    name = request.get("signature_name", SIGNATURE)
    if name != SIGNATURE:
        raise InvalidTensor(f"There is no signature {shown(name)}; an ONNX model has one, called '{SIGNATURE}'.")
    rows, columns = "instances" in request, "inputs" in request
    if rows == columns:
        raise MalformedRequest('The request must have either "instances" (rows) or "inputs" (columns).')
    booleans = has_booleans(body)
    if columns:
        given = by_name(request["inputs"], '{"inputs": …}', signature)
        return Inference(_tensors(given, signature, booleans), None, encode_columns)
    instances = request["instances"]
    if type(instances) is not list:
        raise MalformedRequest(f"'instances' is a JSON {json_type(instances)}, but a list of rows was expected.")
    inputs = _tensors(_columns(instances, signature), signature, booleans)

    def encode(outputs: Outputs) -> Answer:
        return encode_rows(len(instances), outputs)

    return Inference(inputs, None, encode)


def _columns(instances: list[Any], signature: Signature) -> dict[str, list[Any]]:
    """The rows' values by input name; raises InvalidTensor where a row has not what the first row has."""
    first: Any = instances[0] if instances else None
    if not instances or not _is_named(first):
        return by_name(instances, '{"instances": […]}', signature)
    by_name(first, "instances[0]", signature)
    for position, row in enumerate(instances):
        if not _is_named(row) or row.keys() != first.keys():
            has = sorted(row) if type(row) is dict else f"a JSON {json_type(row)}"
            raise InvalidTensor(f"instances[{position}] has {has}, but instances[0] has {sorted(first)}.")
    return {name: [row[name] for row in instances] for name in first}


def _is_named(row: Any) -> bool:
    return type(row) is dict and row.keys() != {"b64"}


def _tensors(given: dict[str, Any], signature: Signature, booleans: bool) -> dict[str, Array]:
    return {
        spec.name: tensor(spec, _text(spec, given[spec.name], 0), booleans)
        for spec in signature.inputs
        if spec.name in given
    }


def _text(spec: TensorSpec, value: Any, depth: int) -> Any:
    """The value with every `{"b64": …}` replaced by its string; other datatypes have none."""
    if spec.datatype.name != "BYTES" or depth > DEEPEST:
        return value
    if type(value) is list:
        return [_text(spec, one, depth + 1) for one in value]
    if type(value) is not dict or type(value.get("b64")) is not str:
        return value
    try:
        return b64decode(value["b64"], validate=True).decode()
    except ValueError as problem:  # of base64 and of UTF-8 alike
        raise InvalidTensor(f"Input '{spec.name}' has a 'b64' that is not the base64 of UTF-8: {problem}.") from None


def encode_columns(outputs: Outputs) -> Answer:
    """`{"outputs": …}`: the array of the only output, or an object of arrays by name."""
    told = {spec.name: jsonable(writable(spec, array), flat=False) for spec, array in outputs}
    answer = {"outputs": next(iter(told.values())) if len(told) == 1 else told}
    return Answer(orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY))


def encode_rows(count: int, outputs: Outputs) -> Answer:
    """`{"predictions": [one a row]}`; raises InvalidTensor where an output has not one row for each of `count`."""
    for spec, array in outputs:
        if array.shape[:1] != (count,):
            raise InvalidTensor(
                f"Output '{spec.name}' has shape {list(array.shape)}, not one row for each of the {count} instances; "
                'send {"inputs": …} and read "outputs" instead.'
            )
    if len(outputs) == 1:
        [(spec, array)] = outputs
        predictions = jsonable(writable(spec, array), flat=False)
    else:
        rows = {spec.name: _rows(writable(spec, array)) for spec, array in outputs}
        predictions = [{name: values[position] for name, values in rows.items()} for position in range(count)]
    return Answer(orjson.dumps({"predictions": predictions}, option=orjson.OPT_SERIALIZE_NUMPY))


def _rows(array: Array) -> Any:
    """Something whose elements orjson writes as the rows."""
    values = jsonable(array, flat=False)
    if array.ndim != 1 or type(values) is list:
        return values
    # Fractions as NumPy's own, of which orjson writes the fewest digits; whole numbers not, for it knows no longlong.
    return list(values) if array.dtype.kind == "f" else values.tolist()
