"""The control plane: etcd, the API server, controller manager and scheduler, with the flags that matter here."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from . import certificates as pki
from . import network
from .processes import Daemon
from .settings import API_PORT, CLUSTER_RANGE, CONTROL_PLANE_ADDRESS, DNS_DOMAIN, SERVICE_RANGE, state

ETCD_URL = "http://127.0.0.1:2379"
NAMES = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")


def etcd(program: Path) -> Daemon:
    """No fsync: the data is thrown away with the cluster, and a shared disk's fsync would be the slowest part of it."""
    flags = ["--name=e2e", f"--data-dir={state() / 'etcd'}", "--unsafe-no-fsync", "--snapshot-count=100000"]
    flags += [f"--listen-client-urls={ETCD_URL}", f"--advertise-client-urls={ETCD_URL}"]
    flags += ["--listen-peer-urls=http://127.0.0.1:2380", "--quota-backend-bytes=4294967296", "--log-level=warn"]
    flags += ["--auto-compaction-mode=periodic", "--auto-compaction-retention=10m"]
    return Daemon("etcd", [program, "etcd", *flags])


def api_server(program: Path) -> Daemon:
    flags = {
        "advertise-address": CONTROL_PLANE_ADDRESS, "bind-address": "0.0.0.0", "secure-port": API_PORT,
        "etcd-servers": ETCD_URL, "service-cluster-ip-range": SERVICE_RANGE,
        "authorization-mode": "Node,RBAC", "enable-admission-plugins": "NodeRestriction", "anonymous-auth": "false",
        "client-ca-file": pki.authority(),
        "tls-cert-file": pki.API_SERVER.certificate, "tls-private-key-file": pki.API_SERVER.key,
        "service-account-issuer": f"https://kubernetes.default.svc.{DNS_DOMAIN}",
        "service-account-key-file": pki.service_account_key(),
        "service-account-signing-key-file": pki.service_account_key(),
        # Logs and exec go to the kubelet's address: its name is known to no DNS.
        "kubelet-preferred-address-types": "InternalIP", "kubelet-certificate-authority": pki.authority(),
        "kubelet-client-certificate": pki.API_SERVER_AS_CLIENT.certificate,
        "kubelet-client-key": pki.API_SERVER_AS_CLIENT.key,
        # Aggregation: without these metrics-server never becomes available.
        "requestheader-client-ca-file": pki.front_proxy_authority(),
        "requestheader-allowed-names": pki.FRONT_PROXY.user,
        "requestheader-extra-headers-prefix": "X-Remote-Extra-", "requestheader-group-headers": "X-Remote-Group",
        "requestheader-username-headers": "X-Remote-User",
        "proxy-client-cert-file": pki.FRONT_PROXY.certificate, "proxy-client-key-file": pki.FRONT_PROXY.key,
        "enable-aggregator-routing": "true",
        # Benchmarks count requests by this log: big enough that it does not rotate in the middle of one.
        "audit-log-path": state() / "audit.log", "audit-policy-file": state() / "audit-policy.json",
        "audit-log-maxsize": 4096, "audit-log-maxbackup": 1,
        "max-requests-inflight": 3000, "max-mutating-requests-inflight": 1500,
        "profiling": "true", "shutdown-delay-duration": "0s",
    }  # fmt: skip
    return _daemon("kube-apiserver", program, flags)


def controller_manager(program: Path) -> Daemon:
    config = pki.CONTROLLER_MANAGER.kubeconfig
    flags = {
        "kubeconfig": config, "authentication-kubeconfig": config, "authorization-kubeconfig": config,
        "bind-address": "127.0.0.1", "leader-elect": "false", "use-service-account-credentials": "true",
        "service-account-private-key-file": pki.service_account_key(), "root-ca-file": pki.authority(),
        "cluster-signing-cert-file": pki.authority(), "cluster-signing-key-file": pki.folder() / "ca.key",
        "cluster-cidr": CLUSTER_RANGE, "allocate-node-cidrs": "false",
        # Brisk, so that tests of autoscaling and of a lost node take seconds; the defaults are 15, 30, 300 and 50 s.
        "horizontal-pod-autoscaler-sync-period": "5s", "horizontal-pod-autoscaler-initial-readiness-delay": "5s",
        "horizontal-pod-autoscaler-cpu-initialization-period": "30s", "node-monitor-grace-period": "20s",
        # The defaults of 20 and 30 a second would measure this client, not the operator that asked for the objects.
        "kube-api-qps": 300, "kube-api-burst": 500, "concurrent-deployment-syncs": 10, "profiling": "true",
    }  # fmt: skip
    return _daemon("kube-controller-manager", program, flags)


def scheduler(program: Path) -> Daemon:
    config = pki.SCHEDULER.kubeconfig
    flags = {
        "kubeconfig": config, "authentication-kubeconfig": config, "authorization-kubeconfig": config,
        "bind-address": "127.0.0.1", "leader-elect": "false", "kube-api-qps": 300, "kube-api-burst": 500,
    }  # fmt: skip
    return _daemon("kube-scheduler", program, flags)


def _daemon(name: str, program: Path, flags: Mapping[str, object]) -> Daemon:
    return Daemon(name, [program, name, *(f"--{key}={value}" for key, value in flags.items())])


def forwarder(program: Path) -> Daemon:
    """The API server's port on the host's own loopback."""
    inner = network.namespace_file(network.CONTROL_PLANE)
    argv: list[str | Path] = [program, "forward", f"127.0.0.1:{API_PORT}", inner, f"{CONTROL_PLANE_ADDRESS}:{API_PORT}"]
    return Daemon("forward", argv, namespace=None)


def api_problem() -> str:
    """Why the API server can't be used from the host right now; empty when it can."""
    if not pki.ADMIN.certificate.exists():
        return "there are no certificates"
    trust = ssl.create_default_context(cafile=str(pki.authority()))
    trust.load_cert_chain(pki.ADMIN.certificate, pki.ADMIN.key)
    # No proxy of the machine's environment may stand between us and our own loopback.
    opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=trust), urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"https://127.0.0.1:{API_PORT}/readyz", timeout=5) as answer:
            return "" if answer.status == 200 else f"/readyz answers {answer.status}"
    except (urllib.error.URLError, OSError) as error:
        return f"/readyz: {error}"


def start(program: Path, cgroup: Path) -> None:
    """Start all of it and return when the API server answers on the host."""
    policy = {
        "apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"],
        "rules": [{"level": "Metadata"}],
    }  # fmt: skip
    (state() / "audit-policy.json").write_text(json.dumps(policy))
    etcd(program).start(cgroup)
    forwarder(program).start(cgroup)
    server = api_server(program)
    server.start(cgroup)
    server.wait(api_problem)
    controller_manager(program).start(cgroup)
    scheduler(program).start(cgroup)
