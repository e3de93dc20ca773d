"""The Gateway API's definitions, Envoy Gateway by its own chart, and a Gateway; and how all of it goes again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from string import Template
from typing import Any

from e2e.cluster import Cluster, settings
from e2e.gateway import programs
from e2e.steps import wait_until

SYSTEM = "envoy-gateway-system"
IMAGE = "modelway/e2e-envoy:dev"
PROXY = "public"  # the Service of Envoy's pods
HOST = f"{PROXY}.{SYSTEM}.svc"
PORT = 80


def definitions() -> list[Path]:
    """Of the Gateway API's standard channel, and Envoy Gateway's own."""
    own = programs.folder(programs.ENVOY_GATEWAY) / "charts/gateway-helm/charts/crds/crds/generated"
    return [programs.folder(programs.GATEWAY_API) / "config/crd/standard", own]


def install_definitions(cluster: Cluster) -> None:
    """Server-side, for some are larger than an annotation may be."""
    for folder in definitions():
        cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(folder))
    cluster.kubectl("wait", "--for=condition=Established", "crd/httproutes.gateway.networking.k8s.io", "--timeout=60s")


def remove(cluster: Cluster) -> None:
    """Everything, so that the next story has a cluster without the Gateway API again."""
    present = json.loads(cluster.kubectl("api-resources", "--api-group=gateway.networking.k8s.io", "-o", "json"))
    if present.get("resources"):
        cluster.kubectl("delete", "gateway,gatewayclass", "--all", "-A", "--timeout=60s")
    cluster.helm("uninstall", "envoy-gateway", "--namespace", SYSTEM, "--ignore-not-found", "--wait")
    cluster.kubectl("delete", "namespace", SYSTEM, "--ignore-not-found", "--wait=false")
    for folder in definitions():
        cluster.kubectl("delete", "-f", str(folder), "--ignore-not-found", "--timeout=60s")


def install(cluster: Cluster) -> None:
    """Envoy Gateway, and a Gateway that listens for HTTP in the namespace of the operator of Envoy."""
    _give_image(cluster)
    chart = _chart()
    shutdown = {"kubernetes": {"shutdownManager": {"image": IMAGE}}}
    values = {
        "crds": {"enabled": False},
        "topologyInjector": {"enabled": False},
        "global": {"images": {"envoyGateway": {"image": f"docker.io/{IMAGE}", "pullPolicy": "IfNotPresent"}}},
        "config": {"envoyGateway": {"provider": {"type": "Kubernetes", **shutdown}}},
    }
    given = chart / "given.json"
    given.write_text(json.dumps(values))
    cluster.helm("upgrade", "--install", "envoy-gateway", str(chart), "--namespace", SYSTEM, "--create-namespace",
                 "--values", str(given), "--wait", "--timeout", "180s")  # fmt: skip
    items = {"apiVersion": "v1", "kind": "List", "items": [*_gateway()]}
    cluster.kubectl("apply", "-f", "-", input=json.dumps(items))
    wait_until(
        lambda: _listens(cluster), 120, lambda: cluster.kubectl("-n", SYSTEM, "get", "gateway,pods", "-o", "wide")
    )


def _give_image(cluster: Cluster) -> None:
    """Builds the image of Envoy and of Envoy Gateway, and hands it to every node that does not have it."""
    context, dockerfile = settings.cache() / "gateway-image", Path(__file__).parent / "Dockerfile"
    program = programs.build()
    key, record = f"{program}\n{cluster.provider.images_key()}\n{dockerfile.read_text()}", context / "given"
    if record.exists() and record.read_text() == key:
        return
    context.mkdir(parents=True, exist_ok=True)
    shutil.copy(dockerfile, context / "Dockerfile")
    shutil.copy(program, context / "envoy-gateway")
    cluster.provider.build_image(context / "Dockerfile", context, [IMAGE])
    record.write_text(key)


def _chart() -> Path:
    """Envoy Gateway's own chart; its release fills these names in."""
    target = settings.cache() / "gateway-chart"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(programs.folder(programs.ENVOY_GATEWAY) / "charts/gateway-helm", target)
    for path in [target, *target.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)  # Go's cache is read-only
    text = Template((target / "values.tmpl.yaml").read_text())
    filled = text.safe_substitute(GatewayImage=f"docker.io/{IMAGE}", GatewayImagePullPolicy="IfNotPresent")
    (target / "values.yaml").write_text(filled)
    return target


def _gateway() -> tuple[dict[str, Any], ...]:
    small = {"requests": {"cpu": "50m", "memory": "64Mi"}}
    kubernetes = {
        "envoyDeployment": {"replicas": 1, "container": {"image": IMAGE, "resources": small}},
        "envoyService": {"type": "ClusterIP", "name": PROXY},
    }
    proxy = {
        "apiVersion": "gateway.envoyproxy.io/v1alpha1",
        "kind": "EnvoyProxy",
        "metadata": {"name": "modelway-e2e", "namespace": SYSTEM},
        "spec": {"provider": {"type": "Kubernetes", "kubernetes": kubernetes}},
    }
    parameters = {"group": "gateway.envoyproxy.io", "kind": "EnvoyProxy", "name": "modelway-e2e", "namespace": SYSTEM}
    gateway_class = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "GatewayClass",
        "metadata": {"name": "modelway-e2e"},
        "spec": {"controllerName": "gateway.envoyproxy.io/gatewayclass-controller", "parametersRef": parameters},
    }
    anywhere = {"namespaces": {"from": "All"}}
    gateway = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "public", "namespace": SYSTEM},
        "spec": {
            "gatewayClassName": "modelway-e2e",
            "listeners": [{"name": "web", "protocol": "HTTP", "port": PORT, "allowedRoutes": anywhere}],
        },
    }
    return proxy, gateway_class, gateway


def _listens(cluster: Cluster) -> bool:
    """Whether the Gateway is accepted and Envoy's pods are ready behind their Service."""
    found = json.loads(cluster.kubectl("-n", SYSTEM, "get", "gateway", "public", "-o", "json"))
    accepted = {c["type"]: c["status"] for c in found.get("status", {}).get("conditions", ())}.get("Accepted")
    slices = json.loads(
        cluster.kubectl(
            "-n", SYSTEM, "get", "endpointslices", "-l", f"kubernetes.io/service-name={PROXY}", "-o", "json"
        )
    )
    ready = [e for item in slices["items"] for e in item.get("endpoints") or () if e["conditions"].get("ready")]
    return accepted == "True" and bool(ready)
