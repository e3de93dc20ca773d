"""The cluster as tests, demo and benchmarks see it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import fake_nodes, images, local
from .commands import ClusterError, run
from .provider import Provider, choose
from .settings import programs, state


@dataclass(frozen=True, slots=True)
class Cluster:
    """A handle on the running cluster; holds no connection, so it can be made anywhere and costs nothing."""

    provider_name: str
    provider: Provider

    @property
    def kubeconfig(self) -> Path:
        """Administrator's access. With the local provider it works on the host and inside the cluster's network."""
        return self.provider.config()

    @property
    def nodes(self) -> list[str]:
        """The names of the real nodes."""
        return self.provider.node_names()

    @property
    def env(self) -> dict[str, str]:
        """This process's environment with KUBECONFIG and a PATH on which the right kubectl and helm come first."""
        path = f"{programs()}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        homes = {f"HELM_{kind}_HOME": str(state() / "helm" / kind.lower()) for kind in ("CACHE", "CONFIG", "DATA")}
        return {**os.environ, **homes, "KUBECONFIG": str(self.kubeconfig), "PATH": path}

    def kubectl(self, *args: str, input: str | None = None, timeout: float = 120) -> str:
        """kubectl's standard output.

        Raises:
            CommandFailed: with what kubectl said (`.output`), if it ends with an error.
        """
        return run([*self.kubectl_command, *args], input=input, env=self.env, timeout=timeout)

    @property
    def kubectl_command(self) -> list[str]:
        """For processes of one's own, such as a port-forward: the right kubectl with the right access."""
        return [self._program("kubectl"), f"--kubeconfig={self.kubeconfig}"]

    def helm(self, *args: str, timeout: float = 300) -> str:
        """helm's standard output; raises as `kubectl` does."""
        return run([self._program("helm"), *args], env=self.env, timeout=timeout)

    def _program(self, name: str) -> str:
        ours = programs() / name
        return str(ours) if ours.exists() else name

    def inside(self, argv: Sequence[str]) -> list[str]:
        """The command that runs `argv` where pods and Services can be reached, by address or by DNS name."""
        return self.provider.inside(argv)

    def run_inside(self, argv: Sequence[str], **options: Any) -> subprocess.CompletedProcess[str]:
        """`subprocess.run` in the cluster's network, in text mode; a load generator is started this way.

        Raises:
            subprocess.CalledProcessError: if it ends with an error, unless `check=False` is given.
        """
        return subprocess.run(self.inside(argv), **{"text": True, "check": True, **options})

    def popen_inside(self, argv: Sequence[str], **options: Any) -> subprocess.Popen[str]:
        """`subprocess.Popen` in the cluster's network; the pid is the program's own, so signals reach it."""
        return subprocess.Popen(self.inside(argv), **{"text": True, **options})

    @property
    def audit_log(self) -> Path:
        """Every request to the API server as a JSON line: audit.k8s.io/v1 Events at level Metadata."""
        return self.provider.audit_log()

    def image(self, component: str) -> str:
        """The reference of one of the project's images, `operator` or `runtime`; use imagePullPolicy IfNotPresent."""
        return images.reference(component)

    def ensure_images(self) -> None:
        """Build and import the project's images where their inputs changed."""
        images.ensure(self.provider)

    def load_image(self, archive_or_image: str) -> None:
        """Give every node another image: an archive's path, or the name of an image in the builder's store."""
        self.provider.load_image(archive_or_image)

    def stop_node(self, name: str) -> None:
        """Lose a node: its kubelet stops, its cable is cut; its containers go on out of reach."""
        self.provider.stop_node(name)

    def start_node(self, name: str) -> None:
        """Bring it back."""
        self.provider.start_node(name)

    def kwok_up(self, nodes: int = 10) -> None:
        """Have that many fake nodes (`type=kwok`, tainted), 1,000 pods each; their pods become ready at once."""
        self._only_local("fake nodes")
        fake_nodes.up(nodes)

    def kwok_down(self) -> None:
        """Remove the fake nodes and their pods."""
        self._only_local("fake nodes")
        fake_nodes.down()

    def stop_service_proxies(self) -> None:
        """Stop kube-proxy on all nodes: new Services can't be reached until `start_service_proxies`."""
        self._only_local("service proxies that can be stopped")
        local.stop_service_proxies()

    def start_service_proxies(self) -> None:
        """Start them again."""
        self._only_local("service proxies that can be stopped")
        local.start_service_proxies()

    def _only_local(self, what: str) -> None:
        if self.provider_name != "local":
            raise ClusterError(f"{what} need the local provider, this is {self.provider_name}")

    def control_plane_pids(self) -> Mapping[str, int]:
        """etcd, kube-apiserver, kube-controller-manager, kube-scheduler: pids for measuring CPU and memory."""
        return self.provider.control_plane_pids()


def current() -> Cluster:
    """The running cluster.

    Raises:
        ClusterError: when there is none or it is ill, with the reason.
    """
    name, provider = choose()
    if problem := provider.status():
        raise ClusterError(problem)
    return Cluster(name, provider)
