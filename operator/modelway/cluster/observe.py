"""Reads everything about one ModelDeployment into a ``World``. From the store alone: no request is ever made here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from modelway.cluster.kinds import POD
from modelway.cluster.records import Key, unpack_child, unpack_pod, unpack_resource
from modelway.cluster.store import Store
from modelway.world import Measured, Refusal, World


def observe(
    store: Store,
    key: Key,
    runtime_image: str,
    measured: Measured,
    refusals: Sequence[Refusal] = (),
    attended_since: datetime | None = None,
) -> World | None:
    """The world of a ModelDeployment, or None if there is none of that name. Children and pods are sorted by name,
    so that equal worlds are equal whatever the order in which the watches told of them."""
    resource = store.resource(key)
    if resource is None:
        return None
    records = sorted(store.owned(key, resource.uid), key=lambda record: (record.kind, record.name, record.uid))
    return World(
        resource=unpack_resource(key, resource),
        children=tuple(unpack_child(record) for record in records if record.kind != POD.kind),
        pods=tuple(unpack_pod(record) for record in records if record.kind == POD.kind),
        runtime_image=runtime_image,
        refusals=tuple(refusals),
        measured=measured,
        unavailable=dict(store.unavailable),
        attended_since=attended_since,
    )
