"""``undo``: to which revision, whether that may be written, and the patch that returns to it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import Any, Final

from modelway.cli.seen import Document, Seen, hash_of, marks, numbers_before
from modelway.manifests import names


class Refused(Exception):
    """What was asked for is not done; the message is a sentence with the remedy."""


# What says that a program applies the object again and again: (where, key or field manager, its name).
_MANAGERS: Final = {
    "argocd-controller": "Argo CD",
    "argocd-application-controller": "Argo CD",
    "kustomize-controller": "Flux",
    "helm-controller": "Flux",
}
_KEYS: Final = {
    "argocd.argoproj.io/instance": "Argo CD",
    "argocd.argoproj.io/tracking-id": "Argo CD",
    "kustomize.toolkit.fluxcd.io/name": "Flux",
    "helm.toolkit.fluxcd.io/name": "Flux",
}


def gitops(resource: Document) -> str:
    """The program that keeps the object as a repository says; empty if none is known to."""
    meta = resource["metadata"]
    for key in (*(meta.get("labels") or {}), *(meta.get("annotations") or {})):
        if key in _KEYS:
            return _KEYS[key]
    managers = (str(each.get("manager", "")) for each in meta.get("managedFields") or ())
    return next((_MANAGERS[each] for each in managers if each in _MANAGERS), "")


def numbered(seen: Seen, number: int) -> Document:
    """The revision that has this number or, if none does, had it before it was returned to."""
    now = (each for each in seen.revisions() if int(each.get("revision", 0)) == number)
    before = (each for each in seen.revisions() if number in numbers_before(each))
    found = next(chain(now, before), None)
    if found is None:
        known = ", ".join(str(each.get("revision")) for each in seen.revisions()) or "none"
        hint = f"See `modelway history {seen.name}`."
        raise Refused(f"there is no revision {number} of {seen.name}; it has {known}. {hint}")
    return found


def former(seen: Seen) -> Document:
    """The revision that users were served by before the one that the spec asks for now."""
    served = [
        each
        for each in seen.revisions()
        if hash_of(each) != seen.target and marks(each).get(names.PROMOTED_AT) and not _failed_since(each)
    ]
    if not served:
        raise Refused(f"no other revision of {seen.name} was ever promoted, so there is nothing to return to")
    return max(served, key=lambda each: marks(each)[names.PROMOTED_AT])


def _failed_since(revision: Document) -> bool:
    known = marks(revision)
    return known.get(names.FAILED_AT, "") > known.get(names.PROMOTED_AT, "")


def patch(seen: Seen, revision: Document, force: bool) -> list[dict[str, Any]]:
    """A JSON patch (RFC 6902) of the spec: model and serving as the revision has them, nothing of the present ones. A
    spec.rollback, which would win over them, goes. It does nothing if the spec changed meanwhile."""
    manager = gitops(seen.resource)
    if manager and not force:
        raise Refused(
            f"{manager} keeps {seen.name} as its repository says, and would undo this within minutes. Revert the"
            f" commit there instead, or set spec.rollback.toRevision there; --force writes all the same."
        )
    data: Mapping[str, Any] = revision.get("data") or {}
    if "model" not in data:
        raise Refused(
            f"revision {revision.get('revision')} holds no model, so another program wrote it; choose another"
        )
    if hash_of(revision) == seen.target and seen.current and not seen.rollback:
        raise Refused(f"the spec of {seen.name} asks for revision {revision.get('revision')} already")
    meta = seen.resource["metadata"]
    written: list[dict[str, Any]] = [
        {"op": "test", "path": "/metadata/uid", "value": meta["uid"]},
        {"op": "test", "path": "/metadata/generation", "value": meta["generation"]},
        {"op": "add", "path": "/spec/model", "value": data["model"]},
    ]
    if data.get("serving"):
        written.append({"op": "add", "path": "/spec/serving", "value": data["serving"]})
    elif "serving" in seen.spec:
        written.append({"op": "remove", "path": "/spec/serving"})
    if "rollback" in seen.spec:
        written.append({"op": "remove", "path": "/spec/rollback"})
    return written
