"""What users do to ModelDeployments in the simulation, and what they read of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.sim.api import FakeApi

NAMESPACE = "models"


class Users:
    """The part of the world that has hands and eyes."""

    api: FakeApi

    def create(self, name: str = "digits", **spec: Any) -> None:
        manifest = {
            "apiVersion": "modelway.io/v1alpha1",
            "kind": "ModelDeployment",
            "metadata": {"namespace": NAMESPACE, "name": name},
            "spec": spec or {"model": {"uri": "http://models/1.onnx"}},
        }
        self.api.create(manifest, "kubectl")

    def edit(self, change: Callable[[dict[str, Any]], None], name: str = "digits") -> None:
        self.api.update("ModelDeployment", NAMESPACE, name, "kubectl", lambda obj: change(obj["spec"]))

    def model(self, uri: str, name: str = "digits") -> None:
        """The user asks for another model."""
        self.edit(lambda spec: spec.update(model={"uri": uri}), name)

    def act(self, verb: str, name: str = "digits") -> None:
        """The user writes the annotation with a verb about the revision that comes up."""
        target = self.resource(name)["status"]["rollout"]["target"].rpartition("-")[2]
        self.annotate(f"{verb}@{target}", name)

    def annotate(self, action: str, name: str = "digits") -> None:
        """The user writes the annotation."""
        action_ = {"annotations": {"modelway.io/action": action}}
        self.api.update("ModelDeployment", NAMESPACE, name, "kubectl", lambda obj: obj["metadata"].update(action_))

    def resource(self, name: str = "digits") -> dict[str, Any]:
        found = self.api.get("ModelDeployment", NAMESPACE, name)
        assert found is not None
        return found

    def condition(self, kind: str, name: str = "digits") -> tuple[str, str]:
        """A condition's status and reason; two empty words if there is none."""
        for condition in self.resource(name).get("status", {}).get("conditions") or ():
            if condition["type"] == kind:
                return condition["status"], condition["reason"]
        return "", ""
