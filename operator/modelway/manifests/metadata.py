"""The metadata that every child has: its labels, and the owner reference by which it is garbage-collected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelway.world import Resource, Revision

from . import names


def labels(deployment: str, revision: str = "") -> dict[str, str]:
    """The labels of what belongs to a ModelDeployment, or to one revision of it."""
    ours = {names.MANAGED_BY: names.MANAGED_BY_VALUE, names.DEPLOYMENT: deployment}
    return ours | {names.REVISION: revision} if revision else ours


def selector(deployment: str, revision: str) -> dict[str, str]:
    """Selects the pods of one revision."""
    return {names.DEPLOYMENT: deployment, names.REVISION: revision}


def owned(
    resource: Resource, name: str, labels: Mapping[str, str], annotations: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The metadata of a child of ``resource``."""
    return {
        "name": name,
        "namespace": resource.namespace,
        "labels": dict(labels),
        **({"annotations": dict(annotations)} if annotations else {}),
        "ownerReferences": [
            {
                "apiVersion": names.API_VERSION,
                "kind": names.KIND,
                "name": resource.name,
                "uid": resource.uid,
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ],
    }


def of_revision(resource: Resource, revision: Revision, annotations: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The metadata of a child that belongs to one revision."""
    return owned(
        resource, names.revision(resource.name, revision.hash), labels(resource.name, revision.hash), annotations
    )
