"""A real Kubernetes cluster with one command: `python -m e2e.cluster up`.

    from e2e.cluster import current
    cluster = current()
    cluster.kubectl("get", "nodes")

Where to find what:

    cluster         the handle for tests, demo and benchmarks; `current()`
    provider        kind, kubeconfig or local, and which one is chosen     → kind, existing, local
    local           bringing our own cluster up: builds → certificates → network → control plane → nodes → add-ons
    settings        versions, addresses, folders: nothing of them is repeated elsewhere
    build           Go programs from source into the cache (the module is in `go/`)
    packages        the Debian packages that are needed
    certificates    who everybody is; kubeconfigs
    network         network namespaces as machines, joined by cables
    cgroups         the branch of control groups that holds every process of the cluster
    processes       daemons: start, find again, stop
    control_plane   etcd, API server, controller manager, scheduler and their flags
    nodes           containerd, kubelet, kube-proxy; losing a node and getting it back
    addons          CoreDNS and metrics-server
    teardown        removing all of it, also after a crash
    images          the project's images, built when their inputs changed  → node_images, base_image, buildah, archives
    service_proxies kube-proxy, stopped while a benchmark runs
    fake_nodes      kwok: thousands of pods for benchmarks
    exclusive       one at a time on this machine
    commands        running programs, bounded waits, errors that say why
    progress        the lines on the terminal
"""

from .cluster import Cluster, current
from .commands import ClusterError, CommandFailed

__all__ = ["Cluster", "ClusterError", "CommandFailed", "current"]
