"""Golden requests as they stand in a ConfigMap: each key ``<case>.json`` is an inference request of the Open Inference
Protocol, ``{"inputs": […]}``, with the expected ``outputs`` beside it or without.

Source of the fields: https://github.com/kserve/open-inference-protocol, specification/protocol/inference_rest.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, Final, NoReturn

MOST_CASES: Final = 100
MOST_ELEMENTS: Final = 1_000_000  # of one tensor; a ConfigMap holds 1 MiB
DEEPEST: Final = 32
SUFFIX: Final = ".json"
KEYS: Final = ("inputs", "outputs", "parameters")


@dataclass(frozen=True, slots=True)
class Expected:
    """An output as it should be; ``data`` is flat, in row-major order. No datatype or shape: any will do."""

    name: str
    data: tuple[Any, ...]
    datatype: str | None = None
    shape: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One golden request. ``expected`` None: what stable answers is expected."""

    name: str
    request: Mapping[str, Any]
    expected: tuple[Expected, ...] | None = None


@dataclass(frozen=True, slots=True)
class Cases:
    """The cases that can be used, and a sentence for each key that can't."""

    cases: tuple[Case, ...] = ()
    problems: tuple[str, ...] = ()


def parse_cases(config_map: str, data: Mapping[str, str]) -> Cases:
    """The cases in a ConfigMap's ``data``, by key. Nothing raises: what can't be used is a problem that names it."""
    cases, problems = [], []
    for key in sorted(data)[:MOST_CASES]:
        try:
            cases.append(_case(key, data[key]))
        except ValueError as error:
            problems.append(f"Key {key[:80]!r} of ConfigMap {config_map} {error}")
    if len(data) > MOST_CASES:
        problems.append(f"ConfigMap {config_map} has {len(data)} keys. Keep at most {MOST_CASES} golden requests.")
    if not data:
        problems.append(f"ConfigMap {config_map} is empty. Add a key NAME{SUFFIX} with an inference request.")
    return Cases(tuple(cases), tuple(problems))


def flat(data: Any) -> tuple[list[Any], tuple[int, ...]]:
    """Nested lists → (elements in row-major order, shape). Raises ValueError where they are ragged, too many or deep.

    A list that is flat already may mean any shape: its own is (length,).
    """
    if not isinstance(data, list):
        raise ValueError("is no list")
    shape = [len(data)]
    while data and isinstance(data[0], list):
        width = len(data[0])
        if not all(isinstance(row, list) and len(row) == width for row in data):
            raise ValueError("has rows of different lengths")
        if len(shape) >= DEEPEST or width * len(data) > MOST_ELEMENTS:
            raise ValueError(f"has more than {DEEPEST} dimensions or {MOST_ELEMENTS} elements")
        data = [element for row in data for element in row]
        shape.append(width)
    if len(data) > MOST_ELEMENTS or any(isinstance(element, list | dict) for element in data):
        raise ValueError(f"has more than {MOST_ELEMENTS} elements, or lists and objects among its numbers")
    return data, tuple(shape)


def _case(key: str, text: str) -> Case:
    if not key.endswith(SUFFIX) or key == SUFFIX:
        raise ValueError(f"does not end in {SUFFIX}. Rename it to NAME{SUFFIX}, where NAME is what reports shall say.")
    try:
        document = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"is not JSON: {error}. Correct it.") from None
    if not isinstance(document, dict) or not isinstance(document.get("inputs"), list) or not document["inputs"]:
        raise ValueError('has no "inputs" list. Write {"inputs": [{"name", "shape", "datatype", "data"}]}.')
    if unknown := sorted(set(document) - set(KEYS)):
        raise ValueError(f"has {unknown[0][:80]!r}, which is not known. Keep only {', '.join(KEYS)}.")
    for one in document["inputs"]:
        if not isinstance(one, dict) or not {"name", "shape", "datatype", "data"} <= set(one):
            raise ValueError("has an input without name, shape, datatype or data. Add what is missing.")
    expected = document.pop("outputs", None)
    return Case(key.removesuffix(SUFFIX), document, None if expected is None else _expected(expected))


def _expected(outputs: Any) -> tuple[Expected, ...]:
    if not isinstance(outputs, list) or not outputs:
        raise ValueError('has "outputs" that are no list. List the expected outputs, or leave them out.')
    return tuple(map(_output, outputs))


def _output(output: Any) -> Expected:
    name = output.get("name") if isinstance(output, dict) else None
    if not isinstance(name, str) or "data" not in output:
        raise ValueError("has an output without name or data. Add what is missing, or leave outputs out.")
    datatype, shape = output.get("datatype"), output.get("shape")
    if datatype is not None and not isinstance(datatype, str):
        raise ValueError(f"has output {name[:80]!r} whose datatype is no string. Write FP32, INT64, ….")
    if shape is not None and not (isinstance(shape, list) and all(type(size) is int and size >= 0 for size in shape)):
        raise ValueError(f"has output {name[:80]!r} whose shape is no list of whole numbers. Write [1, 10].")
    try:
        data, nested = flat(output["data"])
    except ValueError as error:
        raise ValueError(f"has output {name[:80]!r} whose data {error}. Correct it.") from None
    if shape is None and len(nested) > 1:
        shape = list(nested)
    if shape is not None and (prod(shape) != len(data) or (len(nested) > 1 and list(nested) != shape)):
        raise ValueError(f"has output {name[:80]!r} with shape {shape} and {len(data)} numbers. Correct one of them.")
    return Expected(name, tuple(data), datatype, tuple(shape) if shape is not None else None)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON; null stands for NaN")
