"""The operator's side of the contract with the server: ARCHITECTURE.md has it, ``tests/contract/`` holds both to it."""

from __future__ import annotations

from typing import Final

FETCH_CONTAINER: Final = "fetch"
SERVER_CONTAINER: Final = "server"
FETCH_ARGS: Final = ("modelserver", "fetch")
SERVE_ARGS: Final = ("modelserver", "serve")

MODEL_URI: Final = "MODELSERVER_MODEL_URI"
MODEL_DIGEST: Final = "MODELSERVER_MODEL_DIGEST"
MODEL_MAX_BYTES: Final = "MODELSERVER_MODEL_MAX_BYTES"
REVISION: Final = "MODELSERVER_REVISION"
MODEL_DIR: Final = "MODELSERVER_MODEL_DIR"
TRAFFIC_DIR: Final = "MODELSERVER_TRAFFIC_DIR"
MODEL_NAME: Final = "MODELSERVER_MODEL_NAME"
MODEL_VERSION: Final = "MODELSERVER_MODEL_VERSION"
THREADS: Final = "MODELSERVER_THREADS"
WARMUP_REQUESTS: Final = "MODELSERVER_WARMUP_REQUESTS"
HTTP_PORT: Final = "MODELSERVER_HTTP_PORT"
GRPC_PORT: Final = "MODELSERVER_GRPC_PORT"
BATCHING: Final = "MODELSERVER_BATCHING"
MAX_BATCH_SIZE: Final = "MODELSERVER_MAX_BATCH_SIZE"
DRAIN_SECONDS: Final = "MODELSERVER_DRAIN_SECONDS"
DRAIN_ALONE_SECONDS: Final = "MODELSERVER_DRAIN_ALONE_SECONDS"

MODEL_PATH: Final = "/models"
SCRATCH_PATH: Final = "/tmp"
TRAFFIC_PATH: Final = "/etc/modelway/traffic"
SOURCE_PATH: Final = "/source"
TERMINATION_MESSAGE_PATH: Final = "/dev/termination-log"

TRAFFIC_KEY: Final = "traffic.json"
LIVE_PATH: Final = "/v2/health/live"
READY_PATH: Final = "/v2/health/ready"
SERVING_PATH: Final = "/modelway/serving"  # 200 also while a server drains
MODELS_PATH: Final = "/v2/models"
STATE_PATH: Final = "/modelway/state"
SHADOW_HEADER: Final = "x-modelway-shadow"  # whoever gets it answers itself and does not count the request

MAX_MODEL_BYTES: Final = 10 * 2**30
DRAIN: Final = 20  # seconds that a server goes on answering after SIGTERM
ALONE: Final = 300  # seconds more while new callers come: no other pod is ready, one may still load a large model
GRACE: Final = DRAIN + ALONE + 10  # seconds until the kubelet kills it
HUNG_GRACE: Final = DRAIN + 10  # the same, of a server that no longer answers its live probe
AUTO_THREADS: Final = "auto"

# What a container says when it fails; see diagnosis.py for what a person is told.
FAILURES: Final = (
    "ModelNotFound",
    "ModelSourceUnreachable",
    "ModelAccessDenied",
    "ModelNotAModel",
    "ModelTooLarge",
    "DigestMismatch",
    "ModelCorrupt",
    "ModelUnsupported",
    "ModelFailed",
    "BadSettings",
)
