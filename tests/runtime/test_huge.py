"""A model beyond protobuf's 2 GB: weights in another file, fetched, inspected, served.

It writes 2 × 2.2 GB and takes a minute, so it runs where `MODELSERVER_TEST_HUGE=1` asks for it and prints its figures
(`pytest -s`).
"""

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto as Type
from onnx import helper

from modelserver.execution.proof import scattered
from modelserver.inference import Array
from tests.runtime import external_models, models
from tests.runtime.processes import environment, running, scraped

LAYERS, WIDTH = 36, 3_920  # 36 · 3,920² · 4 bytes = 2.21 GB

pytestmark = [
    pytest.mark.skipif("MODELSERVER_TEST_HUGE" not in os.environ, reason="4.4 GB of disk: MODELSERVER_TEST_HUGE=1"),
    pytest.mark.timeout(600),
]


def matrix() -> Array:
    """Numbers that keep a row's length about as it is."""
    return scattered((WIDTH, WIDTH), 1).astype(np.float32) * np.float32((0.75 / WIDTH) ** 0.5)


def write(folder: Path) -> None:
    """y[N] = x[N] through 36 matrices, no two of them alike: ONNX Runtime keeps equal weights once."""
    folder.mkdir()
    size = WIDTH * WIDTH * 4
    first = matrix()
    with (folder / "model.onnx.data").open("wb") as data:
        for layer in range(LAYERS):
            data.write(np.roll(first, layer, axis=0).tobytes())
    weights, nodes = [], []
    for layer in range(LAYERS):
        entries = {"location": "model.onnx.data", "offset": str(layer * size), "length": str(size)}
        weights.append(external_models.tensor(f"w{layer}", [WIDTH, WIDTH], entries))
        inside, out = f"x{layer}" if layer else "x", "y" if layer == LAYERS - 1 else f"x{layer + 1}"
        nodes.append(helper.make_node("MatMul", [inside, f"w{layer}"], [out]))
    shape = [("x", Type.FLOAT, ["N", WIDTH])], [("y", Type.FLOAT, ["N", WIDTH])]
    (folder / "model.onnx").write_bytes(models.model(nodes, *shape, weights))


def modelserver(*arguments: str, **settings: str) -> tuple[str, float]:
    """What the command prints, and its seconds."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "modelserver", *arguments]
    done = subprocess.run(command, env=environment(**settings), capture_output=True, text=True, check=True)
    return done.stdout, time.perf_counter() - began


def test_fetched_inspected_and_served(tmp_path: Path) -> None:
    write(tmp_path / "source")
    place = {"MODELSERVER_MODEL_URI": str(tmp_path / "source"), "MODELSERVER_MODEL_DIR": str(tmp_path / "models")}
    told, seconds = modelserver("fetch", **place)
    print(f"\nfetch with digest: {seconds:.1f} s; {told.strip()}")
    told, seconds = modelserver("inspect", str(tmp_path / "models"))
    assert "553,190,400 parameters, 2.1 GiB, in model.onnx.data" in told
    print(f"inspect: {seconds:.1f} s; {re.search('one run .*', told)[0]}")  # type: ignore[index]
    began = time.perf_counter()
    with running(tmp_path / "models", MODELSERVER_HTTP_HOST="127.0.0.1") as server:
        print(f"serve until ready: {time.perf_counter() - began:.1f} s")
        row = scattered((WIDTH,), 7).tolist()
        body = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, WIDTH], "data": row}]}
        asked = urllib.request.Request(server.url("/v2/models/tiny/infer"), json.dumps(body).encode())
        with urllib.request.urlopen(asked, timeout=60) as answer:
            given = json.load(answer)["outputs"][0]["data"]
        expected, weights = np.array(row, np.float32), matrix()
        for layer in range(LAYERS):
            expected = expected @ np.roll(weights, layer, axis=0)
        assert np.allclose(given, expected, rtol=0, atol=1e-3 * float(np.abs(expected).max()))
        status = Path(f"/proc/{server.process.pid}/status").read_text()
        print(*re.findall(r"(?:VmHWM|VmRSS|RssAnon|RssFile).*", status), sep="; ")
        print(*[line for line in scraped(server).splitlines() if line.startswith("modelserver_model_")], sep="\n")
