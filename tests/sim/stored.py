"""One object of the simulated API server, and who owns which of its fields. What is stored is never changed in place,
so that a watcher, a snapshot and the server can hold the same parts of it: copies were most of the time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import orjson

from tests.sim import apply as ssa

# Whose fields are whose matters where we apply what others may own. Pods and specs of users are only read.
OWNERLESS = {"Pod", "ModelDeployment"}


@dataclass(slots=True)
class Stored:
    """An object; ``leaves`` are its fields by path, made when they are asked for."""

    obj: dict[str, Any]
    owners: ssa.Owners = field(default_factory=dict)
    leaves: dict[ssa.Path, Any] | None = None
    seen: dict[str, Any] | None = None

    def shown(self) -> dict[str, Any]:
        """The object as the API server answers with it."""
        if self.seen is None:
            managed = [entry for name in sorted(self.owners) for entry in _entry(name, self.owners[name])]
            self.seen = {**self.obj, "metadata": {**self.obj["metadata"], "managedFields": managed}}
        return self.seen

    def copy(self) -> dict[str, Any]:
        """A copy to be changed."""
        return copied(self.obj)

    def fields(self) -> dict[ssa.Path, Any]:
        """The object's fields by path."""
        if self.leaves is None:
            self.leaves = ssa.fields(self.obj)
        return self.leaves

    def put(self, obj: dict[str, Any]) -> None:
        """Another content."""
        self.obj, self.leaves, self.seen = obj, None, None

    def meta(self, **changes: Any) -> None:
        """Other metadata, of which nobody owns a field."""
        self.obj, self.seen = {**self.obj, "metadata": {**self.obj["metadata"], **changes}}, None

    def forked(self) -> Stored:
        """The same object in another server."""
        return Stored(self.obj, dict(self.owners), self.leaves, self.seen)


def copied(value: Any) -> Any:
    """A copy of what is JSON: ten times as fast as deepcopy."""
    return orjson.loads(orjson.dumps(value))


@lru_cache(4096)
def sent(body: bytes) -> tuple[dict[str, Any], Mapping[ssa.Path, Any], frozenset[ssa.Path]]:
    """A manifest, its fields and their paths. Schedules send the same manifests again and again."""
    manifest = orjson.loads(body)
    leaves = ssa.fields({key: value for key, value in manifest.items() if key != "status"})
    return manifest, leaves, frozenset(leaves)


@lru_cache(4096)
def _entry(name: str, owned: frozenset[ssa.Path]) -> tuple[dict[str, Any], ...]:
    return tuple(ssa.managed_fields({name: owned}))
