"""The plain way: POST /model/predict `{"data": [...]}` → `{"predictions": [...]}`, arrays nested as NumPy would.

- One input: `data` is the array. Several: `data` is an object of arrays by input name; inputs that the model has a
  default for may be left out.
- One output: `predictions` is the array. A classifier's label and probabilities: `predictions` are the labels and
  `probabilities` stands beside them. Other models with several outputs: `predictions` is an object by output name.
"""

from typing import Any

import orjson

from modelserver.errors import InvalidTensor, MalformedRequest
from modelserver.inference import Answer, Array, Inference, Outputs
from modelserver.protocol.documents import document
from modelserver.protocol.json_values import flatten, has_booleans, jsonable, to_array, writable
from modelserver.protocol.shapes import element_count
from modelserver.tensors import FLOATING, Signature, TensorSpec


def decode(body: bytes, json_length: int | None, head: dict[str, Any], signature: Signature) -> Inference:
    """Raises MalformedRequest or InvalidTensor; there are no raw tensors after this JSON."""
    if json_length is not None:
        raise MalformedRequest("Inference-Header-Content-Length is for /v2/models/…/infer; send plain JSON here.")
    request = document(body)
    if "data" not in request:
        raise MalformedRequest('The request has no "data"; it looks like {"data": [[...], ...]}.')
    given = by_name(request["data"], '{"data": …}', signature)
    booleans = has_booleans(body)
    inputs = {spec.name: tensor(spec, given[spec.name], booleans) for spec in signature.inputs if spec.name in given}
    return Inference(inputs, None, encode)


def by_name(data: Any, where: str, signature: Signature) -> dict[str, Any]:
    """The inputs' data by name: an object that says the names, or the data of the only input that must be given.

    `where` is what the data came in, for the InvalidTensor that is raised where names are missing or unknown.
    """
    names = [spec.name for spec in signature.inputs]
    if type(data) is not dict:
        must = [spec.name for spec in signature.required] or names
        if len(must) != 1:
            wanted = ", ".join(f'"{name}": [...]' for name in must)
            raise InvalidTensor(f"The model takes {len(must)} inputs: send {where.replace('…', f'{{{wanted}}}')}.")
        return {must[0]: data}
    if unknown := data.keys() - signature.input_by_name.keys():
        raise InvalidTensor(f"{where} names {sorted(unknown)[0]!r}, but the model takes {names}.")
    signature.require(data)
    return data


def tensor(spec: TensorSpec, data: Any, booleans: bool) -> Array:
    """The nested lists `data`, or one value, as an array; raises InvalidTensor. `booleans`: see `to_array`."""
    elements, shape = flatten(spec.name, data) if type(data) is list else ([data], ())
    if not elements:
        shape = _empty(spec, shape)
    element_count(spec, shape)
    return to_array(spec, shape, elements, booleans)


def _empty(spec: TensorSpec, shape: tuple[int, ...]) -> tuple[int, ...]:
    """`[]` says nothing of the further dimensions: they are the model's, and 0 where it leaves them open."""
    return shape + tuple(max(size, 0) for size in spec.shape[len(shape) :])


def encode(outputs: Outputs) -> Answer:
    """One JSON object; `predictions`, and `probabilities` where a classifier gives them."""
    answer: dict[str, Any]
    told = [(spec, jsonable(writable(spec, array), flat=False)) for spec, array in outputs]
    if len(told) == 1:
        answer = {"predictions": told[0][1]}
    elif len(told) == 2 and _is_label(told[0][0]) and _is_probabilities(told[1][0]):
        answer = {"predictions": told[0][1], "probabilities": told[1][1]}
    else:
        answer = {"predictions": {spec.name: values for spec, values in told}}
    return Answer(orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY))


def _is_label(spec: TensorSpec) -> bool:
    return spec.datatype.name in ("INT64", "INT32", "BYTES") and len(spec.shape) == 1


def _is_probabilities(spec: TensorSpec) -> bool:
    return spec.datatype.name in FLOATING and (spec.parts == "maps" or len(spec.shape) == 2)
