"""The OpenAPI document tells all that the server answers; test_conformance.py asks whether that is so."""

from typing import Any

import httpx
import jsonschema  # type: ignore[import-untyped]
import pytest

from modelserver.errors import STATUS_BY_ERROR
from modelserver.server.openapi import MEANINGS, OPERATIONS, Subject, concrete, document
from modelserver.server.routes import ROUTES
from modelserver.server.schemas import requests_and_answers
from modelserver.tensors import DATATYPES, Signature, TensorSpec
from tests.runtime.processes import Server, infer_body

SIGNATURE = Signature(
    (TensorSpec("a", DATATYPES["FP32"], (-1, 4)), TensorSpec("b", DATATYPES["UINT8"], ())),
    (TensorSpec("c", DATATYPES["BYTES"], (-1,)),),
)
SUBJECT = Subject("digits", ["7", "6f9c"], SIGNATURE)


def test_no_route_is_missing_or_undescribed() -> None:
    paths = document(SUBJECT, ROUTES)["paths"]
    for route in ROUTES:
        assert (route.method, route.path) in OPERATIONS, f"describe {route.method} {route.path} in OPERATIONS"
        for path in concrete(route.path, SUBJECT):
            assert route.method.lower() in paths[path]
    assert len(paths) == len({path for route in ROUTES for path in concrete(route.path, SUBJECT)})


def test_every_status_is_told() -> None:
    responses = document(SUBJECT, ROUTES)["paths"]["/v2/models/digits/infer"]["post"]["responses"]
    assert set(responses) == {"200"} | {str(status) for status in STATUS_BY_ERROR.values()} - {"401", "404", "405"}
    assert not set(STATUS_BY_ERROR.values()) - set(MEANINGS) - {404, 405}


def test_every_reference_leads_somewhere() -> None:
    told = document(SUBJECT, ROUTES)

    def references(node: Any) -> set[str]:
        if isinstance(node, dict):
            here = {node["$ref"]} if "$ref" in node else set()
            return here.union(*(references(value) for value in node.values()))
        return set().union(*(references(value) for value in node)) if isinstance(node, list) else set()

    assert {name.rpartition("/")[2] for name in references(told)} <= set(told["components"]["schemas"])


@pytest.mark.parametrize("datatype", sorted(DATATYPES))
def test_schemas_of_every_datatype(datatype: str) -> None:
    spec = TensorSpec("x", DATATYPES[datatype], (2, -1))
    schema = requests_and_answers("m", Signature((spec,), (spec,)))["InferRequest"]
    jsonschema.Draft202012Validator.check_schema(schema)
    value: Any = {"BOOL": True, "BYTES": "a"}.get(datatype, 1)
    entry = {"name": "x", "datatype": datatype, "shape": [2, 1], "data": [value, value]}
    jsonschema.validate({"inputs": [entry]}, schema)
    wrong: dict[str, Any]
    for wrong in ({"shape": [3, 1]}, {"datatype": "FP8"}, {"data": [{}]}, {"name": "y"}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({"inputs": [entry | wrong]}, schema)


def test_the_example_in_the_document_is_answered_as_the_document_says(server: Server) -> None:
    told = httpx.get(server.url("/openapi.json")).json()
    operation = told["paths"]["/v2/models/tiny/infer"]["post"]
    answer = httpx.post(
        server.url("/v2/models/tiny/infer"), json=operation["requestBody"]["content"]["application/json"]["example"]
    )
    assert answer.status_code == 200
    jsonschema.validate(answer.json(), told["components"]["schemas"]["InferResponse"])
    versioned = httpx.post(server.url("/v2/models/tiny/versions/7/infer"), content=infer_body([1, 2, 3, 4]))
    assert "/v2/models/tiny/versions/7/infer" in told["paths"] and versioned.status_code == 200
