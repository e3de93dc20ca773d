"""The tests' cluster with a Gateway controller: it accepts routes, refuses them, or says nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from modelway.decide.handover import ROUTES
from modelway.world import Child, Kind, World
from tests.decide.cluster import Cluster

PARENT = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "public"}


class Gateways(Cluster):
    """``controlled``: a controller writes what it makes of each route; ``refusing``: the conditions that it denies."""

    def __init__(self, spec: dict[str, Any]) -> None:
        super().__init__(spec)
        self.controlled = True
        self.refusing: set[str] = set()
        self.unavailable: dict[str, str] = {}
        self.shares: list[tuple[int, int]] = []  # what its proxies were told, changes only: (front, candidate)

    @property
    def world(self) -> World:
        """What the operator sees."""
        return replace(super().world, unavailable=self.unavailable)

    def run_controllers(self) -> bool:
        """All take one step; whether any did."""
        before = dict(self.children)
        for kind in ROUTES:
            live = self.route(kind)
            if live and self.controlled:
                self.children[kind, "digits"] = replace(live, status={"parents": [self._answer(live)]})
                self._spread(live)
        moved = before != self.children
        return super().run_controllers() or moved

    def route(self, kind: Kind = Kind.HTTP_ROUTE) -> Child | None:
        """The live route."""
        return self.children.get((kind, "digits"))

    def rules(self, kind: Kind = Kind.HTTP_ROUTE) -> list[Any]:
        """The rules of the live route: (matches, backends by name and weight)."""
        live = self.route(kind)
        assert live is not None
        return [
            (rule["matches"], {ref["name"]: ref["weight"] for ref in rule["backendRefs"]})
            for rule in live.body["spec"]["rules"]
        ]

    def _answer(self, live: Child) -> dict[str, Any]:
        said = [
            {
                "type": asked,
                "status": "False" if asked in self.refusing else "True",
                "reason": "NoMatchingParent" if asked in self.refusing else asked,
                "message": "it says why",
                "observedGeneration": live.generation,
            }
            for asked in ("Accepted", "ResolvedRefs")
        ]
        return {"parentRef": {"name": "public"}, "controllerName": "example.com/gateway", "conditions": said}

    def _spread(self, live: Child) -> None:
        weights = {ref["name"]: ref["weight"] for ref in live.body["spec"]["rules"][-1]["backendRefs"]}
        share = weights.pop("digits"), sum(weights.values())
        if live.kind is Kind.HTTP_ROUTE and share not in self.shares[-1:]:
            self.shares.append(share)
        for name in weights:  # a proxy has nobody else to ask
            assert any(pod.ready and name.endswith(pod.revision) for pod in self.pods.values()), f"{name} has no pod"
