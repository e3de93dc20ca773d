"""A real node: its configuration files, its three daemons, and its loss and return."""

from __future__ import annotations

import json
from pathlib import Path

from . import certificates as pki
from . import network, processes
from .processes import Daemon
from .settings import CGROUP, CLUSTER_RANGE, DNS_DOMAIN, DNS_SERVICE_ADDRESS, Node

PAUSE_IMAGE = "modelway/pause:e2e"
PARTS = ("containerd", "kubelet", "kube-proxy")

# restrict_oom_score_adj: without CAP_SYS_RESOURCE every sandbox dies with "can't get final child's PID" otherwise.
# netns_mounts_under_state_dir: so that removing our folder removes the pods' namespaces, also after a crash.
CONTAINERD = """version = 2
root = "{folder}/containerd"
state = "{sockets}/containerd"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs", "io.containerd.internal.v1.opt"]
[grpc]
address = "{socket}"
[debug]
level = "warn"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{pause}"
restrict_oom_score_adj = true
disable_apparmor = true
netns_mounts_under_state_dir = true
stream_server_address = "127.0.0.1"
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{cni_programs}"
conf_dir = "{folder}/cni"
"""


def _cni_programs() -> Path:
    """Debian keeps the plugins in /usr/lib/cni, others in /opt/cni/bin."""
    places = [Path("/usr/lib/cni"), Path("/opt/cni/bin")]
    return next((place for place in places if (place / "ptp").exists()), places[0])


def _cni(node: Node) -> dict[str, object]:
    """Every pod on a cable of its own to the node, all else routed: on a bridge, a pod that reaches a pod of its own
    node through a Service would be answered past iptables unless br_netfilter happens to be loaded."""
    gateway = node.pod_range.replace(".0/24", ".1")
    ipam = {
        "type": "host-local", "dataDir": str(node.folder / "addresses"), "routes": [{"dst": "0.0.0.0/0"}],
        "ranges": [[{"subnet": node.pod_range, "gateway": gateway}]],
    }  # fmt: skip
    ptp = {"type": "ptp", "ipMasq": False, "mtu": 1500, "ipam": ipam}
    portmap = {"type": "portmap", "capabilities": {"portMappings": True}, "snat": True}
    return {"cniVersion": "0.4.0", "name": node.namespace, "plugins": [ptp, portmap]}


def _kubelet(node: Node) -> dict[str, object]:
    identity = pki.node_identity(node)
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
        "address": node.address, "healthzBindAddress": "127.0.0.1", "podLogsDir": str(node.folder / "pod-logs"),
        "authentication": {
            "anonymous": {"enabled": False}, "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(pki.authority())},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(identity.certificate), "tlsPrivateKeyFile": str(identity.key),
        "containerRuntimeEndpoint": f"unix://{node.socket}",
        "cgroupDriver": "cgroupfs", "cgroupRoot": f"/{CGROUP}/{node.name}", "failCgroupV1": False,
        "clusterDNS": [DNS_SERVICE_ADDRESS], "clusterDomain": DNS_DOMAIN,
        "resolvConf": str(node.folder / "resolv.conf"), "failSwapOn": False, "maxPods": 110,
        "nodeStatusUpdateFrequency": "5s", "nodeLeaseDurationSeconds": 20, "serializeImagePulls": False,
        # The disk is the machine's, and images can't be pulled again: nothing is evicted or collected for space.
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "imageGCHighThresholdPercent": 100, "imageGCLowThresholdPercent": 99,
        "kubeAPIQPS": 100, "kubeAPIBurst": 200, "eventRecordQPS": 50,
    }  # fmt: skip


def _proxy(name: str) -> dict[str, object]:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "kind": "KubeProxyConfiguration", "mode": "iptables",
        "clientConnection": {"kubeconfig": str(pki.PROXY.kubeconfig)}, "clusterCIDR": CLUSTER_RANGE,
        "hostnameOverride": name, "healthzBindAddress": "127.0.0.1:10256", "metricsBindAddress": "127.0.0.1:10249",
        # conntrack's limit is the whole machine's and not ours to set.
        "conntrack": {"maxPerCore": 0, "min": 0},
        "iptables": {"minSyncPeriod": "100ms"},
    }  # fmt: skip


def configure(node: Node) -> None:
    """Write a node's files."""
    (node.folder / "cni").mkdir(parents=True, exist_ok=True)
    node.socket.parent.mkdir(parents=True, exist_ok=True)
    (node.folder / "containerd.toml").write_text(
        CONTAINERD.format(
            folder=node.folder, sockets=node.socket.parent, socket=node.socket, pause=f"docker.io/{PAUSE_IMAGE}",
            cni_programs=_cni_programs(),
        )
    )  # fmt: skip
    (node.folder / "cni" / "10-pods.conflist").write_text(json.dumps(_cni(node), indent=1))
    (node.folder / "kubelet.json").write_text(json.dumps(_kubelet(node), indent=1))
    (node.folder / "kube-proxy.json").write_text(json.dumps(_proxy(node.name), indent=1))
    (node.folder / "resolv.conf").write_text("")  # the machine's own resolver can't be reached from a pod


def daemon(node: Node, part: str, program: Path) -> Daemon:
    """One of a node's PARTS."""
    name = f"{node.name}-{part}"
    if part == "containerd":
        return Daemon(name, ["containerd", "--config", node.folder / "containerd.toml"], node.namespace)
    if part == "kube-proxy":
        argv: list[str | Path] = [program, "kube-proxy", f"--config={node.folder / 'kube-proxy.json'}"]
        return Daemon(name, argv, node.namespace)
    flags = [f"--config={node.folder / 'kubelet.json'}", f"--kubeconfig={pki.node_identity(node).kubeconfig}"]
    flags += [f"--hostname-override={node.name}", f"--node-ip={node.address}", f"--root-dir={node.folder / 'kubelet'}"]
    flags += [f"--node-labels=modelway.io/e2e={node.name}", f"--cert-dir={node.folder / 'kubelet-pki'}"]
    return Daemon(name, [program, "kubelet", *flags], node.namespace)


def switch_proxy(program: Path, node: Node, folder: Path) -> Daemon:
    """Services for the control plane's namespace, where test clients run: it borrows a node's name, having no Node."""
    config = folder / "kube-proxy.json"
    config.write_text(json.dumps(_proxy(node.name), indent=1))
    return Daemon("kube-proxy", [program, "kube-proxy", f"--config={config}"])


def stop(node: Node) -> None:
    """Lose a node: its kubelet dies and its cable is cut. Its containers go on, as they do on a node out of reach."""
    processes.stop(f"{node.name}-kubelet")
    network.set_link(node, up=False)


def start(node: Node, program: Path, cgroup: Path) -> None:
    """Bring a lost node back."""
    network.set_link(node, up=True)
    for part in PARTS:
        daemon(node, part, program).start(cgroup)
