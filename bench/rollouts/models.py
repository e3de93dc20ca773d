"""The models that are rolled out: those of the canary's story, and some more."""

from __future__ import annotations

import base64

import numpy as np
from onnx import helper

from e2e.bad_updates.models import files as bad_files
from e2e.canary.models import add_to_output, constant, first
from e2e.canary.models import files as canary_files


def files() -> dict[str, str]:
    """File name → content in base64."""
    some = canary_files() | {"truncated.onnx": bad_files()["truncated.onnx"]}
    return some | {"good.onnx": some["rounded.onnx"], "crashing.onnx": base64.b64encode(crashing()).decode()}


def crashing() -> bytes:
    """Answers as version 1 does, but on the brightest images wants 2 GB, which its pod does not have."""
    model = first()
    constant(model, "bright", np.array(360.0, np.float32))
    constant(model, "much", np.array([1 << 29], np.int64))
    constant(model, "little", np.array([1], np.int64))
    constant(model, "none", np.array(0.0, np.float32))
    nodes = [
        helper.make_node("ReduceSum", ["x"], ["total"], keepdims=0),
        helper.make_node("Greater", ["total", "bright"], ["is_bright"]),
        helper.make_node("Where", ["is_bright", "much", "little"], ["size"]),
        helper.make_node("Mul", ["total", "none"], ["nought"]),
        helper.make_node("Expand", ["nought", "size"], ["wide"]),
        helper.make_node("Exp", ["wide"], ["ones"]),
        helper.make_node("ReduceMax", ["ones"], ["one"], keepdims=0),
        helper.make_node("Mul", ["one", "none"], ["zero"]),
    ]
    return add_to_output(model, nodes, "zero")
