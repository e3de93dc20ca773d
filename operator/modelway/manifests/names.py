"""Every object name, label, annotation key and field manager of the project."""

from __future__ import annotations

from typing import Final

GROUP: Final = "modelway.io"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"
KIND: Final = "ModelDeployment"
PLURAL: Final = "modeldeployments"

FIELD_MANAGER: Final = "modelway"
SEED_FIELD_MANAGER: Final = "modelway-seed"  # owns spec.replicas until an autoscaler does; see world.Seed

# Labels. Everything that we create has the first two; the watches select on MANAGED_BY.
MANAGED_BY: Final = "app.kubernetes.io/managed-by"
MANAGED_BY_VALUE: Final = "modelway"
DEPLOYMENT: Final = "modelway.io/deployment"  # the ModelDeployment's name
REVISION: Final = "modelway.io/revision"  # the revision's hash

# Annotations of our own children (never of the user's object).
APPLIED: Final = "modelway.io/applied"  # hash of the manifest as it was last sent
DIGEST: Final = "modelway.io/digest"  # ControllerRevision: the content's digest, recorded at first load
PROMOTED_AT: Final = "modelway.io/promoted-at"  # ControllerRevision: when it took the front Service
FORMER: Final = "modelway.io/former-revisions"  # ControllerRevision: the numbers that it had before
FAILED_AT: Final = "modelway.io/failed-at"  # ControllerRevision: when it was given up
FAILED_REASON: Final = "modelway.io/failed-reason"
FAILED_MESSAGE: Final = "modelway.io/failed-message"
TRAFFIC: Final = "modelway.io/traffic"  # Pod: touched so that the traffic document's generation is read at once

# What a person writes on the ModelDeployment: a verb, see decide/verbs.py.
ACTION: Final = "modelway.io/action"

HTTP_PORT: Final = 8080
HTTP_PORT_NAME: Final = "http"
SERVICE_PORT: Final = 80
GRPC_PORT: Final = 9000  # of pods and Services alike
GRPC_PORT_NAME: Final = "grpc"


def revision(name: str, revision_hash: str) -> str:
    """The name of a revision's ControllerRevision, Deployment, Service, autoscaler and disruption budget."""
    return f"{name}-{revision_hash}"


def front_service(name: str) -> str:
    """The Service that users call."""
    return name


def preview_service(name: str) -> str:
    """The Service of a BlueGreen candidate."""
    return f"{name}-preview"


def route(name: str) -> str:
    """The HTTPRoute and the GRPCRoute of the Gateway API."""
    return name


def traffic_config_map(name: str) -> str:
    """The ConfigMap that tells the pods of every revision what they must know; see ARCHITECTURE.md."""
    return f"{name}-traffic"
