"""Tensors as KServe's clients write and read them."""

from typing import Any

import numpy as np
from kserve import InferInput

ROW = [[1.0, 2.0, 3.0, 4.0]]
ANSWER = [[1.0, 2.0, 3.0]]
DTYPES = {"FP16": np.float16, "FP32": np.float32, "FP64": np.float64, "BOOL": np.bool_, "BYTES": np.object_}


def raw(name: str, values: Any, datatype: str = "FP32", binary_data: bool = True) -> InferInput:
    array = np.asarray(values, dtype=DTYPES.get(datatype) or np.dtype(datatype.lower()))
    given = InferInput(name, list(array.shape), datatype)
    given.set_data_from_numpy(array, binary_data=binary_data)
    return given


def row(name: str) -> InferInput:
    return raw(name, ROW)
