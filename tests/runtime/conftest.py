"""Models on disk, and one server that many tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runtime import models
from tests.runtime.processes import Server, running


@pytest.fixture(scope="session")
def linear_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "tiny.onnx"
    path.write_bytes(models.linear())
    return path


@pytest.fixture(scope="session")
def server(linear_model: Path) -> Iterator[Server]:
    """Serves models.linear() as 'tiny', with limits that tests can reach."""
    limits = {
        "MODELSERVER_REVISION": "6f9c81ab2d",
        "MODELSERVER_MODEL_VERSION": "7",
        "MODELSERVER_MAX_BODY_BYTES": "100000",
        "MODELSERVER_MAX_HEADER_BYTES": "4000",
        "MODELSERVER_HEADER_TIMEOUT_SECONDS": "1",
        "MODELSERVER_BODY_TIMEOUT_SECONDS": "1",
    }
    with running(linear_model, **limits) as one:
        yield one
