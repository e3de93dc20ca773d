"""What a cluster has besides its control plane: DNS, metrics, and the objects that tell everybody where they are.

Both run as processes beside the API server, not as pods: that needs no further image and no node to be ready.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path

from . import build, network, processes
from . import certificates as pki
from .commands import CommandFailed, run, wait_until
from .processes import Daemon
from .settings import (
    CONTROL_PLANE_ADDRESS,
    DNS_DOMAIN,
    DNS_SERVICE_ADDRESS,
    METRICS_SERVER_PORT,
    kubeconfig,
    programs,
    state,
)  # fmt: skip

COREFILE = """{domain}:53 in-addr.arpa:53 {{
    errors
    ready {address}:8181
    kubernetes {domain} in-addr.arpa {{
        kubeconfig {kubeconfig}
        pods insecure
        ttl 5
    }}
    cache 5
}}
# Nothing outside can be reached, so every other name is refused at once instead of after a resolver's time-out.
.:53 {{
    errors
    template ANY ANY . {{
        rcode NXDOMAIN
    }}
}}
"""


def kubectl(*words: str, input: str | None = None, timeout: float = 60) -> str:
    """Our kubectl as the cluster's administrator, on the host."""
    return run([programs() / "kubectl", f"--kubeconfig={kubeconfig()}", *words], input=input, timeout=timeout)


def coredns(program: Path) -> Daemon:
    corefile = state() / "Corefile"
    config = pki.COREDNS.kubeconfig
    corefile.write_text(COREFILE.format(domain=DNS_DOMAIN, address=CONTROL_PLANE_ADDRESS, kubeconfig=config))
    return Daemon("coredns", [program, "-conf", corefile])


def metrics_server(program: Path) -> Daemon:
    config = pki.METRICS.kubeconfig
    flags = {
        "kubeconfig": config, "authentication-kubeconfig": config, "authorization-kubeconfig": config,
        "secure-port": METRICS_SERVER_PORT, "tls-cert-file": pki.METRICS_SERVING.certificate,
        "tls-private-key-file": pki.METRICS_SERVING.key, "kubelet-certificate-authority": pki.authority(),
        "kubelet-preferred-address-types": "InternalIP",
        "metric-resolution": "10s", "kubelet-request-timeout": "5s",  # one must be well above the other
    }  # fmt: skip
    return Daemon("metrics-server", [program, *(f"--{key}={value}" for key, value in flags.items())])


def _service(name: str, ports: dict[str, tuple[int, int, str]], address: str | None = None) -> list[dict[str, object]]:
    """A Service without selector and the EndpointSlice that leads it to the control plane's namespace."""
    meta = {"namespace": "kube-system", "name": name}
    labels = {"kubernetes.io/service-name": name, "endpointslice.kubernetes.io/managed-by": "modelway-e2e"}
    spec: dict[str, object] = {
        "ports": [
            {"name": key, "port": port, "targetPort": target, "protocol": protocol}
            for key, (port, target, protocol) in ports.items()
        ]
    }
    if address:
        spec["clusterIP"] = address
    endpoint = {"addresses": [CONTROL_PLANE_ADDRESS], "conditions": {"ready": True}}
    return [
        {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec},
        {
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
            "metadata": {**meta, "labels": labels}, "endpoints": [endpoint],
            "ports": [
                {"name": key, "port": target, "protocol": protocol} for key, (_, target, protocol) in ports.items()
            ],
        },
    ]  # fmt: skip


def objects() -> list[dict[str, object]]:
    """What has to be in the API for DNS and metrics."""
    metrics_api: dict[str, object] = {
        "apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService",
        "metadata": {"name": "v1beta1.metrics.k8s.io"},
        "spec": {
            "group": "metrics.k8s.io", "version": "v1beta1", "groupPriorityMinimum": 100, "versionPriority": 100,
            "service": {"namespace": "kube-system", "name": "metrics-server"},
            "caBundle": base64.b64encode(pki.authority().read_bytes()).decode(),
        },
    }  # fmt: skip
    dns = {"dns": (53, 53, "UDP"), "dns-tcp": (53, 53, "TCP")}
    return [
        *_service("kube-dns", dns, DNS_SERVICE_ADDRESS),
        *_service("metrics-server", {"https": (443, METRICS_SERVER_PORT, "TCP")}),
        metrics_api,
    ]


def resolver() -> Path:
    """A resolv.conf for programs outside of pods."""
    file = state() / "resolv.conf"
    if not file.exists():
        file.write_text(f"nameserver {DNS_SERVICE_ADDRESS}\nsearch svc.{DNS_DOMAIN} {DNS_DOMAIN}\noptions ndots:3\n")
    return file


def start(cgroup: Path) -> None:
    """Start DNS and metrics and return when both serve. helm is built along: tests install the chart with it."""
    names, metrics, _ = build.build(build.COREDNS, build.METRICS_SERVER, build.HELM)
    resolver_daemon, metrics_daemon = coredns(names), metrics_server(metrics)
    for daemon in (resolver_daemon, metrics_daemon):
        daemon.start(cgroup)
    kubectl("apply", "-f", "-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects()}))
    wait_until("the default service account", _no_service_account, 30, processes.logs() / "kube-controller-manager.log")
    resolver_daemon.wait(dns_problem)
    metrics_daemon.wait(problem)


def _no_service_account() -> str:
    found = kubectl("get", "serviceaccount", "default", "--namespace=default", "--ignore-not-found", "--output=name")
    return "" if found else "pods can't be created before it is there"


def dns_problem() -> str:
    """Why names can't be resolved; empty when they can: CoreDNS is ready when it has listed the Services."""
    ask = "exec 3<>/dev/tcp/$0/8181 && printf 'GET /ready HTTP/1.0\\r\\n\\r\\n' >&3 && head -1 <&3"
    bash = ["timeout", "2", "bash", "-c", ask, CONTROL_PLANE_ADDRESS]
    try:
        answer = run(network.inside(network.CONTROL_PLANE, bash))
    except CommandFailed as failed:
        return failed.output.strip() or "its ready port is closed"
    return "" if " 200 " in answer else answer.strip()


def problem() -> str:
    """Why the metrics API can't be used; empty when it can."""
    service = kubectl("get", "apiservice", "v1beta1.metrics.k8s.io", "--ignore-not-found", "--output=json")
    if not service:
        return "the metrics API is not registered"
    conditions = json.loads(service).get("status", {}).get("conditions", [])
    available = [each for each in conditions if each["type"] == "Available"]
    if available and available[0]["status"] == "True":
        return ""
    return f"the metrics API is not available: {available[0]['message'] if available else 'not checked yet'}"
