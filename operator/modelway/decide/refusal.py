"""A write that the API server refused for good, made plain: which object, why, and what a person can do."""

from __future__ import annotations

import re
from typing import Final

from modelway.world import Refusal

_QUOTA: Final = re.compile(r"exceeded quota")


def explained(refusal: Refusal, namespace: str) -> tuple[str, str]:
    """A reason for programs and a sentence for people."""
    what = f"{refusal.kind} {refusal.name}"
    said = refusal.message.strip().rstrip(".")
    if refusal.code == 409:
        return (
            "NameTaken",
            f"A {refusal.kind} named {refusal.name} exists in namespace {namespace} that is not Modelway's."
            " Delete or rename it, or give this ModelDeployment another name.",
        )
    if refusal.code == 403 and _QUOTA.search(refusal.message):
        return (
            "QuotaExceeded",
            f"{what} does not fit into the namespace's quota. Free some, or raise the quota. The API server"
            f" says: {said}.",
        )
    if refusal.code == 403:
        return (
            "Forbidden",
            f"Modelway may not write {what}. Let an administrator check its permissions and the namespace's"
            f" admission policies. The API server says: {said}.",
        )
    return "Rejected", f"The API server does not accept {what}. Change the field that it names. It says: {said}."
