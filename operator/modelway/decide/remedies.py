"""What a person can do about what a container, or the API server, says: tables that are read and extended by eye."""

from __future__ import annotations

import re
from typing import Final

# The reasons that a container may give, as ARCHITECTURE.md lists them: (the cause in plain words, the remedy).
SAID_BY_CONTAINERS: Final[dict[str, tuple[str, str]]] = {
    "ModelNotFound": (
        "The model was not found",
        "Check spec.model.uri.",
    ),
    "ModelSourceUnreachable": (
        "The model's source can't be reached",
        "Check the host in spec.model.uri, and that pods may reach it.",
    ),
    "ModelAccessDenied": (
        "The model's source refuses access",
        "Check spec.model.uri and the source's permissions.",
    ),
    "ModelNotAModel": (
        "What was fetched is not an ONNX model",
        "Let spec.model.uri point at the .onnx or .ort file, or at its folder.",
    ),
    "ModelTooLarge": (
        "The model is too large",
        "Let spec.model.uri point at a smaller model.",
    ),
    "DigestMismatch": (
        "The model's content is not what this revision serves",
        "Put the expected content back, correct spec.model.digest, or set spec.model.version to a new label to accept"
        " the new content.",
    ),
    "ModelCorrupt": (
        "The model is damaged",
        "Upload it again, and set spec.model.version to a new label.",
    ),
    "ModelUnsupported": (
        "The model needs something that the server does not have",
        "Export it with an opset and operators that ONNX Runtime supports, and let spec.model.uri point at it.",
    ),
    "ModelFailed": (
        "The model loads, but fails when it is run",
        "Run it with ONNX Runtime on your own machine, or set spec.serving.warmup.requests to 0.",
    ),
    "BadSettings": (
        "The server refuses its settings",
        "Check spec.serving.",
    ),
}

# What the API server says when it refuses a Deployment's pods: (pattern, reason, remedy).
SAID_OF_REFUSED_PODS: Final = (
    (
        re.compile(r"exceeded quota|must specify"),
        "QuotaExceeded",
        "Set or lower spec.serving.resources or spec.scaling, or raise the namespace's quota.",
    ),
    (
        re.compile(r"violates PodSecurity"),
        "PodSecurityViolation",
        "Let the namespace's pod security level admit the pods.",
    ),
    (
        re.compile(r"service ?account .*not found", re.IGNORECASE),
        "ServiceAccountMissing",
        "Create the service account, or change spec.serving.pod.serviceAccountName.",
    ),
    (
        re.compile(r"PriorityClass", re.IGNORECASE),
        "PriorityClassMissing",
        "Create the priority class, or change spec.serving.pod.priorityClassName.",
    ),
)
OTHERWISE_REFUSED: Final = ("PodsRefused", "Change spec.serving.")
