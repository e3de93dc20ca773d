"""Tools for GitOps in the simulation: each applies the same manifest again and again and never tires.

The user's object has an owner for each field here, and the defaults that the API server fills in from the CRD.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from modelway.api.crd import custom_resource_definition
from modelway.manifests import names
from tests.sim import apply as ssa
from tests.sim.world import NAMESPACE, Violated, World

NAME: Final = "digits"
KEY: Final = (names.KIND, NAMESPACE, NAME)
LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
SCHEMA: Final = custom_resource_definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
OFTEN: Final = 3.0  # seconds


def manifest(**spec: Any) -> dict[str, Any]:
    """What lies in git."""
    meta = {"name": NAME, "namespace": NAMESPACE, "labels": {"team": "vision"}}
    return {"apiVersion": names.API_VERSION, "kind": names.KIND, "metadata": meta, "spec": spec}


def defaulted(schema: Mapping[str, Any], value: Any) -> Any:
    """The value with the defaults of its schema, as the API server stores it."""
    if isinstance(value, list):
        return [defaulted(schema.get("items", {}), item) for item in value]
    if not isinstance(value, dict):
        return value
    properties = schema.get("properties", {})
    missing = {name: below["default"] for name, below in properties.items() if "default" in below and name not in value}
    return {name: defaulted(properties.get(name, {}), inner) for name, inner in {**value, **missing}.items()}


def named_in(config: Any, live: Any) -> Any:
    """What is live of what the manifest names: so Argo CD looks at a custom resource before it compares.

    Source: gitops-engine, pkg/diff and pkg/utils/json: fields that the manifest does not name are left out, also in the
    items of a list, which are matched by their place.
    """
    if isinstance(config, dict) and isinstance(live, dict):
        return {key: named_in(inner, live[key]) for key, inner in config.items() if key in live}
    if isinstance(config, list) and isinstance(live, list):
        return [named_in(*pair) for pair in zip(config, live, strict=False)] + live[len(config) :]
    return live


@dataclass
class Live:
    """The object, and who owns which of its fields."""

    world: World
    owners: ssa.Owners = field(default_factory=dict)
    expected: dict[str, Any] = field(default_factory=dict)

    @property
    def obj(self) -> dict[str, Any]:
        """As the API server shows it."""
        return self.world.resource(NAME)

    def apply(self, manager: str, wanted: dict[str, Any]) -> None:
        """Server-side apply, by force."""
        if self.world.api.get(*KEY) is None:
            self.owners[manager] = frozenset(ssa.fields(wanted))
            created = {**copy.deepcopy(wanted), "spec": defaulted(SCHEMA["spec"], wanted["spec"])}
            self.world.api.create(created, manager)
            self.expected = self._users()
            return
        after = copy.deepcopy(self._users())
        ssa.merge(after, ssa.fields(after), self.owners, manager, ssa.fields(wanted), True)
        self._store(manager, after)

    def annotate(self, manager: str, annotations: Mapping[str, str]) -> None:
        """An update of annotations by somebody, who owns them from now on."""
        after = copy.deepcopy(self._users())
        after["metadata"].setdefault("annotations", {}).update(annotations)
        mine = {("metadata", "annotations", key) for key in annotations}
        ssa.disown(self.owners, mine, manager)
        self.owners[manager] = self.owners.get(manager, frozenset()) | mine
        self._store(manager, after)

    def untouched(self) -> None:
        """Raises ``Violated`` if anybody but the users changed spec or metadata."""
        if self.expected and self._users() != self.expected:
            raise Violated(f"the user's object was changed: {self._users()} instead of {self.expected}")

    def _users(self) -> dict[str, Any]:
        """The users' part of it."""
        meta = {key: self.obj["metadata"][key] for key in ("labels", "annotations") if key in self.obj["metadata"]}
        return {"metadata": meta, "spec": self.obj["spec"]}

    def _store(self, manager: str, after: dict[str, Any]) -> None:
        after["spec"] = defaulted(SCHEMA["spec"], after["spec"])
        if after == self._users():
            return
        self.world.api.update(*KEY, manager, lambda obj: self._replace(obj, after))
        self.expected = self._users()

    @staticmethod
    def _replace(obj: dict[str, Any], after: dict[str, Any]) -> None:
        kept = {key: value for key, value in obj["metadata"].items() if key not in ("labels", "annotations")}
        obj["metadata"], obj["spec"] = kept | after["metadata"], after["spec"]


class Person:
    """Applies each commit once, by hand: what the tools are compared with."""

    manager = "kubectl"

    def __init__(self, live: Live) -> None:
        self.live = live

    def commit(self, wanted: dict[str, Any]) -> None:
        """A new version of the manifest."""
        self.live.apply(self.manager, wanted)


class ArgoCd(Person):
    """Compares after each single step, and heals itself by server-side apply."""

    manager = "argocd-controller"
    wanted: dict[str, Any] | None = None

    def __init__(self, live: Live) -> None:
        super().__init__(live)
        live.world.checks.append(lambda world: self.sync())

    def commit(self, wanted: dict[str, Any]) -> None:
        self.wanted = wanted
        super().commit(wanted)

    def sync(self) -> None:
        """Out of sync without a commit would be a fight."""
        if self.wanted is None:
            return
        if named_in(self.wanted, self.live.obj) != self.wanted:
            raise Violated(f"out of sync: {named_in(self.wanted, self.live.obj)} instead of {self.wanted}")
        self.live.apply(self.manager, self.wanted)


class ArgoCdClientSide(ArgoCd):
    """As ``kubectl apply`` does it, which is Argo CD's default: the former manifest lies in an annotation."""

    def commit(self, wanted: dict[str, Any]) -> None:
        self.live.apply(self.manager, wanted)
        self.live.annotate(self.manager, {LAST_APPLIED: json.dumps(wanted)})
        self.wanted = wanted

    def sync(self) -> None:
        if self.wanted is None:
            return
        former = json.loads(self.live.obj["metadata"]["annotations"][LAST_APPLIED])
        if named_in(former, self.live.obj) != self.wanted:
            raise Violated(f"kubectl apply would send a patch: {self.live.obj}")


class Flux(ArgoCd):
    """Applies every few seconds, and takes away what was written with kubectl: a verb's annotation, too."""

    manager = "kustomize-controller"
    synced = 0.0

    def sync(self) -> None:
        if self.live.world.seconds - self.synced < OFTEN:
            return
        self.synced = self.live.world.seconds
        for other in [name for name in self.live.owners if name.startswith("kubectl")]:
            taken = self.live.owners.pop(other)
            self.live.owners[self.manager] = self.live.owners.get(self.manager, frozenset()) | taken
        super().sync()
