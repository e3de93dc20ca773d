"""What the cluster is made of: versions, addresses and folders. Every other file reads them here, none repeats one.

Addresses come from 198.18.0.0/15, which is reserved for benchmarks, so they can't be anybody's real network.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

KUBERNETES_VERSION = "v1.36.3"  # keep in step with go/go.mod
NAMESPACE_PREFIX = "modelway"  # network namespaces, cgroups and links of the cluster start with it
CGROUP = "modelway-cluster"

CONTROL_PLANE_ADDRESS = "198.18.0.1"
WHOLE_RANGE = "198.18.0.0/15"
CLUSTER_RANGE = "198.18.0.0/16"  # nodes and pods
POD_PREFIX = "198.18"
SERVICE_RANGE = "198.19.0.0/16"
API_SERVICE_ADDRESS = "198.19.0.1"
DNS_SERVICE_ADDRESS = "198.19.0.10"
DNS_DOMAIN = "cluster.local"
FAKE_POD_RANGE = "198.18.64.0/18"  # leads nowhere
# The same port inside the namespace and, forwarded, on the host's loopback: one kubeconfig serves both sides.
API_PORT = 16443
METRICS_SERVER_PORT = 4443

DEFAULT_NODES = 2  # one to lose and one to go on

RUN = Path("/run/modelway")  # sockets: their paths may have 107 characters, too few for some home folders


def cache() -> Path:
    """Where build products and the cluster's state live: shared by every clone of the project on this machine."""
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(home) / "modelway"


def state() -> Path:
    """Everything that belongs to the running cluster and is deleted with it."""
    return cache() / "cluster"


def repository() -> Path:
    """The root of this checkout."""
    return Path(__file__).resolve().parents[2]


def kubeconfig() -> Path:
    return state() / "kubeconfig"


def programs() -> Path:
    """For PATH: our kubectl and helm (those of the machine may be years older), as links into the cache."""
    return state() / "bin"


@dataclass(frozen=True, slots=True)
class Node:
    """A real node: a kubelet, a containerd and a kube-proxy in a network namespace of their own."""

    index: int

    @property
    def name(self) -> str:
        return f"node-{self.index}"

    @property
    def namespace(self) -> str:
        return f"{NAMESPACE_PREFIX}-{self.name}"

    @property
    def address(self) -> str:
        return f"{POD_PREFIX}.0.{10 + self.index}"

    @property
    def pod_range(self) -> str:
        return f"{POD_PREFIX}.{self.index}.0/24"

    @property
    def link(self) -> str:
        """The switch's side of the node's cable."""
        return f"to-{self.name}"

    @property
    def folder(self) -> Path:
        return state() / "nodes" / self.name

    @property
    def socket(self) -> Path:
        return RUN / self.name / "containerd.sock"


def nodes(count: int) -> tuple[Node, ...]:
    return tuple(Node(index) for index in range(1, count + 1))
