"""Values of every datatype, [2, 2] each, chosen so that a client or server that is careless with one changes it."""

from typing import Any

import numpy as np

VALUES = {
    "BOOL": [[True, False], [False, True]],
    "INT8": [[-128, 127], [0, -1]],
    "INT16": [[-32768, 32767], [0, -1]],
    "INT32": [[-(2**31), 2**31 - 1], [0, -1]],
    "INT64": [[-(2**63), 2**63 - 1], [2**53 + 1, -1]],
    "UINT8": [[0, 255], [1, 128]],
    "UINT16": [[0, 65535], [1, 32768]],
    "UINT32": [[0, 2**32 - 1], [1, 2**31]],
    "UINT64": [[0, 2**64 - 1], [2**53 + 1, 2**63]],
    "FP16": [[65504.0, -0.5], [2.0**-24, -0.0]],
    "FP32": [[3.4028234663852886e38, 0.1], [1e-45, -0.0]],
    "FP64": [[1.7976931348623157e308, 0.1], [5e-324, -0.0]],
    "BYTES": [["", "zwölf"], ["a\0b", '日本"\\\n']],
}


def flat(datatype: str) -> list[Any]:
    """The elements in row-major order."""
    return [element for row in VALUES[datatype] for element in row]


def same(array: Any, datatype: str) -> None:
    """Raises AssertionError unless the array holds VALUES[datatype], bit for bit; strings may come as UTF-8."""
    assert array.shape == (2, 2), array.shape
    if datatype == "BYTES":
        told = [one.decode() if isinstance(one, bytes) else one for one in array.reshape(-1).tolist()]
        assert told == flat(datatype), told
    else:
        assert array.tobytes() == np.array(VALUES[datatype], array.dtype).tobytes(), array
