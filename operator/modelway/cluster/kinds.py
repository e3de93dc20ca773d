"""The table of kinds that we watch and write: where the API server serves them and which of them we select."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from modelway.manifests import names


@dataclass(frozen=True, slots=True)
class ApiKind:
    """Where a kind is served. ``selected`` says that only objects with our managed-by label are watched."""

    kind: str
    group: str
    version: str
    plural: str
    selected: bool = True

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None, name: str = "") -> str:
        """The URL path of an object, or of the collection; ``None`` is every namespace."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        inside = f"/namespaces/{namespace}" if namespace else ""
        return f"{root}{inside}/{self.plural}" + (f"/{name}" if name else "")


MODEL_DEPLOYMENT: Final = ApiKind(names.KIND, names.GROUP, names.VERSION, names.PLURAL, selected=False)
POD: Final = ApiKind("Pod", "", "v1", "pods")
EVENT: Final = ApiKind("Event", "events.k8s.io", "v1", "events")
LEASE: Final = ApiKind("Lease", "coordination.k8s.io", "v1", "leases")

WATCHED: Final = (
    MODEL_DEPLOYMENT,
    ApiKind("ControllerRevision", "apps", "v1", "controllerrevisions"),
    ApiKind("ConfigMap", "", "v1", "configmaps"),
    ApiKind("Service", "", "v1", "services"),
    ApiKind("Deployment", "apps", "v1", "deployments"),
    ApiKind("HorizontalPodAutoscaler", "autoscaling", "v2", "horizontalpodautoscalers"),
    ApiKind("PodDisruptionBudget", "policy", "v1", "poddisruptionbudgets"),
    POD,
)

# By these it is decided who gets requests and what goes. Of all others a replica that begins to lead may be a moment
# behind: the API server refuses to delete or to change what is not the one that was meant.
DECISIVE: Final = WATCHED[:5]

# Of the Gateway API, which a cluster may have or not: see cluster/routes.py. GRPCRoute is there since its version 1.1.
ROUTES: Final = (
    ApiKind("HTTPRoute", "gateway.networking.k8s.io", "v1", "httproutes"),
    ApiKind("GRPCRoute", "gateway.networking.k8s.io", "v1", "grpcroutes"),
)

NOT_SERVED: Final = "NotServed"
FORBIDDEN: Final = "Forbidden"

BY_KIND: Final = {kind.kind: kind for kind in (*WATCHED, *ROUTES, EVENT, LEASE)}

SELECTOR: Final = f"{names.MANAGED_BY}={names.MANAGED_BY_VALUE}"
