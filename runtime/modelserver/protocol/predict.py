"""The plain way: POST /model/predict `{"data": [...]}` → `{"predictions": [...]}`, arrays nested as NumPy would.

- One input: `data` is the array. Several: `data` is an object of arrays by input name.
- One output: `predictions` is the array. A classifier's label and probabilities: `predictions` are the labels and
  `probabilities` stands beside them. Other models with several outputs: `predictions` is an object by output name.
"""

from typing import Any

import orjson

from modelserver.errors import InvalidTensor, MalformedRequest
from modelserver.protocol.json_values import Array, flatten, has_booleans, jsonable, to_array
from modelserver.protocol.openinference import document
from modelserver.tensors import FLOATING, Signature, TensorSpec


def decode(body: bytes, signature: Signature) -> dict[str, Array]:
    """Raises MalformedRequest or InvalidTensor."""
    request = document(body)
    if "data" not in request:
        raise MalformedRequest('The request has no "data"; it looks like {"data": [[...], ...]}.')
    data, specs = request["data"], signature.inputs
    if len(specs) == 1:
        given = {specs[0].name: data}
    elif type(data) is dict:
        given = data
    else:
        wanted = ", ".join(f'"{spec.name}": [...]' for spec in specs)
        raise InvalidTensor(f'The model takes {len(specs)} inputs: send {{"data": {{{wanted}}}}}.')
    if set(given) != {spec.name for spec in specs}:
        raise InvalidTensor(f"'data' names {sorted(given)}, but the model takes {[spec.name for spec in specs]}.")
    booleans = has_booleans(body)
    return {spec.name: _array(spec, given[spec.name], booleans) for spec in specs}


def _array(spec: TensorSpec, data: Any, booleans: bool) -> Array:
    elements, shape = flatten(spec.name, data) if type(data) is list else ([data], ())
    if not spec.accepts(shape):
        raise InvalidTensor(f"'data' has shape {list(shape)}, but input '{spec.name}' takes {list(spec.shape)}.")
    return to_array(spec, shape, elements, booleans)


def encode(outputs: list[tuple[TensorSpec, Array]]) -> bytes:
    answer: dict[str, Any]
    if len(outputs) == 1:
        answer = {"predictions": jsonable(outputs[0][1], flat=False)}
    elif len(outputs) == 2 and _is_label(outputs[0][0]) and _is_probabilities(outputs[1][0]):
        answer = {
            "predictions": jsonable(outputs[0][1], flat=False),
            "probabilities": jsonable(outputs[1][1], flat=False),
        }
    else:
        answer = {"predictions": {spec.name: jsonable(array, flat=False) for spec, array in outputs}}
    return orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)


def _is_label(spec: TensorSpec) -> bool:
    return spec.datatype.name in ("INT64", "INT32", "BYTES") and len(spec.shape) == 1


def _is_probabilities(spec: TensorSpec) -> bool:
    return spec.datatype.name in FLOATING and (spec.parts == "maps" or len(spec.shape) == 2)
