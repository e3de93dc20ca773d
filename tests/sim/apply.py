"""Server-side apply as the API server does it: ownership per field, conflicts, force, and removal of what nobody sends.

A field is a path of steps; a list that has keys (containers by name) is walked by key, any other list is one value.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Collection, Mapping
from typing import Any

Path = tuple[str, ...]
Owners = dict[str, frozenset[Path]]  # field manager -> the fields that it owns

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
            target[step] = copy.deepcopy(value) if isinstance(value, (dict, list)) else value
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
            if rest[0] in key and set(item) <= set(key):  # nobody holds its key any more
                target.remove(item)
    elif not rest:
        target.pop(step, None)
    elif step in target:
        drop(target[step], rest)
        if target[step] in ({}, []):
            del target[step]


def apply(live: dict[str, Any], owners: Owners, manager: str, manifest: Mapping[str, Any], force: bool) -> None:
    """Applies in place; raises ``Conflict`` and changes nothing if somebody else's field would change."""
    merge(live, fields(live), owners, manager, fields(manifest), force)


def merge(
    live: dict[str, Any],
    held: Mapping[Path, Any],
    owners: Owners,
    manager: str,
    sent: Mapping[Path, Any],
    force: bool,
) -> None:
    """The same with the fields that are held and sent at hand."""
    for path, value in sent.items():
        if held.get(path) == value or force:
            continue
        others = [name for name, owned in owners.items() if name != manager and path in owned]
        if others:
            raise Conflict(f'conflict with "{others[0]}": {".".join(path)}')
    gone = owners.get(manager, frozenset()) - sent.keys()
    for path in sorted(gone, key=_names_its_item):  # an item's key goes last
        if not any(path in owned for name, owned in owners.items() if name != manager):
            drop(live, path)
    taken = set()
    for path, value in sent.items():
        if value == {} and any(other[: len(path)] == path for other in held):
            continue  # it is there, and not empty
        if path not in held or held[path] != value:
            taken.add(path)
            put(live, path, value)
    disown(owners, taken, manager)
    owners[manager] = frozenset(sent)


def disown(owners: Owners, taken: Collection[Path], manager: str) -> None:
    """These fields are another manager's from now on."""
    for name, owned in owners.items():
        if name != manager and not owned.isdisjoint(taken):
            owners[name] = owned.difference(taken)


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
