"""Who leads: one pure step of leader election by Lease, and the Lease's document.

Times are client-go's: a lease lasts 15 s, its holder stops leading when it could not renew it for 10 s, and tries
each 2 s. A standby measures the 15 s on its own clock, from when it saw the last renewal: clocks of nodes differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from modelway.cluster.kinds import LEASE

LEASE_SECONDS: Final = 15
RENEW_DEADLINE_SECONDS: Final = 10.0
RETRY_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Lease:
    """A Lease as it was last seen. ``seen_at`` on our own monotonic clock; ``holder`` empty when it was released."""

    holder: str
    transitions: int
    acquired: str
    renewed: str
    seconds: int
    version: str
    seen_at: float


class Step(StrEnum):
    """What to do about the Lease now."""

    CREATE = "create"
    TAKE = "take"
    RENEW = "renew"
    WAIT = "wait"


def lease_step(lease: Lease | None, me: str, now: float) -> Step:
    """The next step. ``now`` on the same clock as ``lease.seen_at``."""
    if lease is None:
        return Step.CREATE
    if lease.holder == me:
        return Step.RENEW
    if not lease.holder or now >= expires_at(lease):
        return Step.TAKE
    return Step.WAIT


def expires_at(lease: Lease) -> float:
    """When the holder, if it renews no more, has certainly stopped."""
    return lease.seen_at + lease.seconds


def read(obj: Mapping[str, Any], before: Lease | None, now: float) -> Lease:
    """A Lease from its object; it was seen when its holder or its renewal changed, not each time we look."""
    spec = obj.get("spec") or {}
    holder, renewed = spec.get("holderIdentity") or "", spec.get("renewTime") or ""
    same = before is not None and (before.holder, before.renewed) == (holder, renewed)
    return Lease(
        holder=holder,
        transitions=spec.get("leaseTransitions") or 0,
        acquired=spec.get("acquireTime") or "",
        renewed=renewed,
        seconds=spec.get("leaseDurationSeconds") or LEASE_SECONDS,
        version=obj["metadata"]["resourceVersion"],
        seen_at=before.seen_at if before is not None and same else now,
    )


def write(namespace: str, name: str, lease: Lease | None, holder: str, wall: datetime) -> dict[str, Any]:
    """The object that takes, renews or (holder empty) releases the Lease, bound to the version that we saw."""
    moment = wall.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    same = lease is not None and lease.holder == holder
    transitions = 0 if lease is None else lease.transitions + (0 if same or not holder else 1)
    metadata = {"namespace": namespace, "name": name}
    if lease is not None:
        metadata["resourceVersion"] = lease.version
    spec: dict[str, Any] = {
        "holderIdentity": holder,
        "leaseDurationSeconds": LEASE_SECONDS if holder else 1,
        "acquireTime": lease.acquired if lease is not None and same and lease.acquired else moment,
        "renewTime": moment,
        "leaseTransitions": transitions,
    }
    return {"apiVersion": LEASE.api_version, "kind": LEASE.kind, "metadata": metadata, "spec": spec}
