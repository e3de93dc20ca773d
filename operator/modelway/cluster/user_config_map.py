"""A ConfigMap that a user wrote and a ModelDeployment names. It is not watched: read when it is needed."""

from __future__ import annotations

from collections.abc import Mapping

from modelway.cluster.client import Api, OutcomeUnknown, Unreachable
from modelway.cluster.kinds import BY_KIND


async def data_of(api: Api, namespace: str, name: str) -> Mapping[str, str] | str:
    """The ConfigMap's data, or a sentence that says why there is none. Listed by name: the operator may list
    ConfigMaps, and needs no right to get one."""
    path = BY_KIND["ConfigMap"].path(namespace)
    try:
        response = await api.send("GET", path, {"fieldSelector": f"metadata.name={name}", "limit": "1"})
    except (Unreachable, OutcomeUnknown) as error:
        return f"ConfigMap {name} can't be read: {error}."
    if response.status != 200:
        return f"ConfigMap {name} can't be read: the API server answers {response.status}."
    found = response.json().get("items") or ()
    if not found:
        return (
            f"There is no ConfigMap {name} in namespace {namespace}, which spec.rollout.gates.golden names. Create it."
        )
    return dict(found[0].get("data") or {})
