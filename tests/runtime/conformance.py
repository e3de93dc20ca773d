"""Generated requests against an OpenAPI document: `python -m tests.runtime.conformance [--examples N]` prints how many.

Of our own /openapi.json and of the published protocol's document. Schemathesis makes requests that fit the document
and requests that do not, and holds every answer to it. A generated name is hardly ever the model's input, so a third
kind of request fits the published document and has its input then made the model's; most of these are answered.
"""

import argparse
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import CheckFunction
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import positive_data_acceptance

from tests.runtime import models, published_rest
from tests.runtime.processes import Server, running

# A schema can't say that `data` has as many elements as the product of `shape`, or that nested lists are of one
# length, so a generated request that fits it may be refused with 400.
BEYOND_SCHEMAS: list[CheckFunction] = [positive_data_acceptance]
POSITIVE, NEGATIVE = schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE
VERSION = "7"


def own(server: Server) -> Any:
    return schemathesis.openapi.from_url(server.url("/openapi.json"))


def published(server: Server) -> Any:
    api = schemathesis.openapi.from_dict(published_rest.document(server.name, VERSION))
    api.config.update(base_url=server.url("/"))
    return api


def operations(api: Any) -> list[Any]:
    return [one.ok() for one in api.get_all_operations() if isinstance(one, Ok)]


def unchanged(case: Any) -> None:
    pass


def made_to_fit(case: Any) -> None:
    """The generated numbers become a batch of rows of four for models.linear(); the rest stays as it was."""
    body = case.body
    if not isinstance(body, dict):  # a request may have none
        return
    numbers = [number for tensor in body["inputs"] for number in flat(tensor["data"]) if type(number) in (int, float)]
    numbers += [1] * (-len(numbers) % 4)
    body["inputs"] = [{"name": "x", "datatype": "FP32", "shape": [len(numbers) // 4, 4], "data": numbers}]
    if "outputs" in body:
        body["outputs"] = [output | {"name": "y"} for output in body["outputs"][:1]]


def flat(data: Any) -> Iterable[Any]:
    return [one for part in data for one in flat(part)] if isinstance(data, list) else [data]


Fit = Callable[[Any], None]
# What is asked → the document, how its requests are made, and what is done to each.
RUNS: dict[str, tuple[Callable[[Server], Any], schemathesis.GenerationMode, Fit]] = {
    "own, fitting": (own, POSITIVE, unchanged),
    "own, not fitting": (own, NEGATIVE, unchanged),
    "published, fitting": (published, POSITIVE, unchanged),
    "published, not fitting": (published, NEGATIVE, unchanged),
    "published, made to fit the model": (published, POSITIVE, made_to_fit),
}


def conform(server: Server, run: str, examples: int) -> Counter[int]:
    """Up to `examples` requests an operation; answers by status. Raises where one is not as the document says."""
    document, mode, fit = RUNS[run]
    statuses: Counter[int] = Counter()
    for operation in operations(document(server)):
        if operation.method != "post" and (mode is NEGATIVE or fit is made_to_fit):
            continue  # it takes nothing that could be wrong

        @given(operation.as_strategy(generation_mode=mode))
        @settings(
            max_examples=examples, deadline=None, derandomize=True, database=None, suppress_health_check=[*HealthCheck]
        )
        def conforms(case: Any) -> None:
            fit(case)
            answer = case.call_and_validate(excluded_checks=BEYOND_SCHEMAS, timeout=10)
            statuses[answer.status_code] += 1

        conforms()
    return statuses


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=400, help="requests an operation")
    examples = parser.parse_args().examples
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tiny.onnx"
        path.write_bytes(models.linear())
        with running(path, MODELSERVER_MODEL_VERSION=VERSION, MODELSERVER_MAX_BODY_BYTES="100000") as server:
            for run in RUNS:
                statuses = conform(server, run, examples)
                told = ", ".join(f"{count} × {status}" for status, count in sorted(statuses.items()))
                print(f"{run}: {statuses.total()} requests, no failure ({told})", flush=True)


if __name__ == "__main__":
    main()
