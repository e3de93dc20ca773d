"""Server-side apply as the API server does it: ownership per field, conflicts, force, and removal of what nobody sends.

A field is a path of steps; a list that has keys (containers by name) is walked by key, any other list is one value.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any

Path = tuple[str, ...]
Owners = dict[str, set[Path]]  # field manager -> the fields that it owns

LIST_KEYS: Mapping[str, tuple[str, ...]] = {
    "containers": ("name",),
    "initContainers": ("name",),
    "volumes": ("name",),
    "volumeMounts": ("mountPath",),
    "env": ("name",),
    "ports": ("port", "containerPort", "protocol"),
    "conditions": ("type",),
    "ownerReferences": ("uid",),
    "imagePullSecrets": ("name",),
}
NOT_FIELDS = {("apiVersion",), ("kind",), ("metadata", "name"), ("metadata", "namespace"), ("metadata", "uid")}


class Conflict(Exception):
    """Somebody else owns a field that was sent with another value."""


def _key(item: Mapping[str, Any], names: tuple[str, ...]) -> str:
    return "k:" + json.dumps({name: item[name] for name in names if name in item}, sort_keys=True)


def fields(value: Any, path: Path = ()) -> dict[Path, Any]:
    """Every leaf of a manifest by its path. An empty object is a leaf."""
    keys = LIST_KEYS.get(path[-1]) if path else None
    if isinstance(value, list) and keys and all(isinstance(item, dict) for item in value):
        return {p: v for item in value for p, v in fields(item, (*path, _key(item, keys))).items()}
    if not isinstance(value, dict) or (not value and path):
        return {path: value}
    leaves = {p: v for name, inner in value.items() for p, v in fields(inner, (*path, name)).items()}
    return {p: v for p, v in leaves.items() if p not in NOT_FIELDS}


def put(target: Any, path: Path, value: Any) -> None:
    """Sets a leaf, making what leads to it."""
    for index, step in enumerate(path):
        last = index == len(path) - 1
        if step.startswith("k:"):
            target = _item(target, json.loads(step[2:]))
        elif last:
            target[step] = copy.deepcopy(value)
        else:
            below: Any = [] if path[index + 1].startswith("k:") else {}
            if not isinstance(target.get(step), type(below)):
                target[step] = below
            target = target[step]


def _item(items: list[Any], key: Mapping[str, Any]) -> Any:
    for item in items:
        if all(item.get(name) == value for name, value in key.items()):
            return item
    items.append(dict(key))
    return items[-1]


def drop(target: Any, path: Path) -> None:
    """Removes a leaf, and what is empty without it."""
    step, rest = path[0], path[1:]
    if step.startswith("k:"):
        key = json.loads(step[2:])
        item = next((i for i in target if all(i.get(n) == v for n, v in key.items())), None)
        if item is not None and rest:
            drop(item, rest)
            if set(item) <= set(key):
                target.remove(item)
    elif not rest:
        target.pop(step, None)
    elif step in target:
        drop(target[step], rest)
        if target[step] in ({}, []):
            del target[step]


def apply(live: dict[str, Any], owners: Owners, manager: str, manifest: Mapping[str, Any], force: bool) -> None:
    """Applies in place; raises ``Conflict`` and changes nothing if somebody else's field would change."""
    sent, held = fields(manifest), fields(live)
    for path, value in sent.items():
        others = [name for name, owned in owners.items() if name != manager and path in owned]
        if others and held.get(path) != value and not force:
            raise Conflict(f'conflict with "{others[0]}": {".".join(path)}')
    for path in sorted(owners.get(manager, set()) - set(sent), key=_names_its_item):  # an item's key goes last
        if not any(path in owned for name, owned in owners.items() if name != manager):
            drop(live, path)
    for path, value in sent.items():
        if value == {} and any(other[: len(path)] == path for other in held):
            continue  # it is there, and not empty
        if held.get(path) != value or path not in held:
            for name, owned in owners.items():
                if name != manager:
                    owned.discard(path)
            put(live, path, value)
    owners[manager] = set(sent)


def _names_its_item(path: Path) -> bool:
    return len(path) > 1 and path[-2].startswith("k:") and path[-1] in json.loads(path[-2][2:])


def managed_fields(owners: Owners) -> list[dict[str, Any]]:
    """``metadata.managedFields`` as the API server shows it, without times."""
    entries = []
    for name, owned in sorted(owners.items()):
        manager, _, subresource = name.partition("/")
        tree: dict[str, Any] = {}
        for path in sorted(owned):
            node = tree
            for step in path:
                node = node.setdefault(step if step.startswith("k:") else f"f:{step}", {})
        if tree:
            entry = {"manager": manager, "operation": "Apply", "fieldsV1": tree}
            entries.append(entry | ({"subresource": subresource} if subresource else {}))
    return entries
