"""The image is made small by removing parts of packages: what is removed must never be imported."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.runtime.models import linear

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "runtime/Dockerfile").read_text()
SERVE_WITHOUT = """
import sys
from importlib.abc import MetaPathFinder
from pathlib import Path

class Removed(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name in {removed!r}:
            raise ModuleNotFoundError(f"{{name}} is not in the image")

sys.meta_path.insert(0, Removed())
from modelserver.server.lifecycle import load
from modelserver.settings import ServeSettings
for batching in ("off", "auto", "on"):
    load(Path({model!r}), "tiny", ServeSettings(batching=batching))
import modelserver.grpc_api.server
"""


def removed() -> set[str]:
    """The modules that the Dockerfile deletes, by dotted name."""
    command = re.search(r"cd /app && rm -rf (.*?)&& find", DOCKERFILE, flags=re.S)
    assert command is not None
    words = command[1].replace("\\\n", " ").split()
    return {word.rstrip("*").replace("/", ".") for word in words if re.fullmatch(r"[a-z0-9_]+(/[a-z0-9_]+)*\*?", word)}


def test_the_dockerfile_is_understood() -> None:
    assert {"numpy.random", "numpy.f2py", "onnxruntime.quantization"} <= removed()


def test_nothing_that_the_image_lacks_is_imported(tmp_path: Path) -> None:
    model = tmp_path / "tiny.onnx"
    model.write_bytes(linear())
    program = SERVE_WITHOUT.format(removed=removed(), model=str(model))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr[-2000:]
