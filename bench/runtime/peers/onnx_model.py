# mypy: disable-error-code="import-not-found, import-untyped"
"""The model that every peer serves: ONNX Runtime as its documentation shows it, one thread for each core allowed.

The thread count is a kindness: left to itself ONNX Runtime starts a thread for each core of the machine, and threads
that spin for a core which the process may not use cost every peer more than its own work does.
"""

import os
from typing import Any

import onnxruntime

NAME = os.environ["BENCH_MODEL_NAME"]


def load() -> Any:
    """An `onnxruntime.InferenceSession` of the file that BENCH_MODEL_PATH names; input x and output y, both FP32."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = len(os.sched_getaffinity(0))
    return onnxruntime.InferenceSession(os.environ["BENCH_MODEL_PATH"], options, providers=["CPUExecutionProvider"])
