"""The servers that are compared: what is installed for each, and how it is started. The one table of versions.

Each peer is started with its own defaults, one worker, on a port of 127.0.0.1; where a default starts a second process
(MLServer's and LitServe's worker, gunicorn's master, PyTriton's Triton) the figures count the whole process tree.
"""

from dataclasses import dataclass, field
from pathlib import Path

APPS = Path(__file__).parent / "peers"
OURS = "modelserver"

# The same ONNX Runtime and NumPy as constraints.txt has for our own server: what differs is the server alone.
SHARED = ("onnxruntime==1.31.1",)
NUMPY = "numpy==2.4.6"


@dataclass(frozen=True, slots=True)
class Peer:
    """`requirements` go into an environment of the peer's own; none means the project's own environment.

    `command` and `environment` may hold {python}, {bin}, {port}, {grpc}, {metrics}, {model}, {path} and {apps}.
    `remark` is printed beside the peer's figures: what a reader must know to judge them.
    """

    name: str
    title: str
    requirements: tuple[str, ...]
    command: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)
    remark: str = ""


_ALL = (
    Peer(
        OURS,
        "Modelway's modelserver",
        (),
        ("{python}", "-m", "modelserver", "serve", "{path}", "--http-port", "{port}"),
        # No drain: nothing watches these endpoints, and the run should not wait for it.
        {"MODELSERVER_MODEL_NAME": "{model}", "MODELSERVER_DRAIN_SECONDS": "0"},
    ),
    Peer(
        "fastapi",
        "FastAPI + uvicorn",
        # [standard] brings uvloop and httptools, as its documentation advises.
        (NUMPY, "fastapi==0.165.0", "uvicorn[standard]==0.54.0"),
        ("{python}", "-m", "uvicorn", "fastapi_app:app", "--app-dir", "{apps}", "--port", "{port}"),
    ),
    Peer(
        "starlette",
        "Starlette, tuned by hand",
        # What a person who measures would choose: the C parser and loop, Rust JSON, no log of each request.
        (NUMPY, "starlette==1.10.0", "uvicorn==0.54.0", "uvloop==0.23.0", "httptools==0.9.0", "orjson==3.13.0"),
        (
            *("{python}", "-m", "uvicorn", "starlette_app:app", "--app-dir", "{apps}", "--port", "{port}"),
            *("--loop", "uvloop", "--http", "httptools", "--no-access-log"),
        ),
    ),
    Peer(
        "flask",
        "Flask + gunicorn",
        (NUMPY, "flask==3.1.3", "gunicorn==27.0.1"),
        ("{python}", "-m", "gunicorn", "flask_app:app", "--chdir", "{apps}", "--bind", "127.0.0.1:{port}"),
        remark="sync worker: a connection a request",
    ),
    Peer(
        "mlserver",
        "MLServer",
        # uvloop from 0.22 on gives no event loop where MLServer's worker process expects one, and the worker dies.
        (NUMPY, "mlserver==1.7.1", "uvloop==0.21.0"),
        ("{bin}/mlserver", "start", "{apps}"),
        {
            "MLSERVER_HOST": "127.0.0.1",
            "MLSERVER_HTTP_PORT": "{port}",
            "MLSERVER_GRPC_PORT": "{grpc}",
            "MLSERVER_METRICS_PORT": "{metrics}",
            "MLSERVER_MODEL_NAME": "{model}",
            "MLSERVER_MODEL_IMPLEMENTATION": "mlserver_app.OnnxModel",
        },
        remark="custom runtime; its worker process",
    ),
    Peer(
        "kserve",
        "KServe Python SDK",
        (NUMPY, "kserve==0.21.0"),
        ("{python}", "{apps}/kserve_app.py", "--http_port", "{port}", "--grpc_port", "{grpc}"),
        remark="custom Model",
    ),
    Peer(
        "litserve",
        "LitServe",
        (NUMPY, "litserve==0.2.19"),
        ("{python}", "{apps}/litserve_app.py", "{port}"),
        remark="its worker process",
    ),
    Peer(
        "bentoml",
        "BentoML",
        (NUMPY, "bentoml==1.4.39"),
        (
            *("{python}", "-m", "bentoml", "serve", "bentoml_app:Onnx", "--working-dir", "{apps}"),
            *("--host", "127.0.0.1", "--port", "{port}"),
        ),
        {"BENTOML_DO_NOT_TRACK": "True"},  # nothing that is measured calls home
        remark="v2's fields as the API's parameters",
    ),
    Peer(
        "pytriton",
        "Triton, Python model (PyTriton)",
        # It refuses NumPy 2. Triton's worker brings an interpreter of its own and loads this Python's library with it:
        # where the library is newer (CPython 3.11.7 and 3.12.1 changed multiprocessing) the worker dies at its start.
        ("numpy==1.26.4", "nvidia-pytriton==0.7.0"),
        ("{python}", "{apps}/pytriton_app.py", "{port}", "{grpc}", "{metrics}"),
        remark="C++ front, model in Python; its own interpreter must fit this one's library",
    ),
)
PEERS = {peer.name: peer for peer in _ALL}
