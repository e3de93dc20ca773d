"""The provider `kubeconfig`: a cluster that exists already, taken only when CLUSTER=kubeconfig asks for it.

The project's images have to be where that cluster's nodes can pull them; nothing here builds, stops or measures.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from .commands import ClusterError, CommandFailed, run

WHY_NOT = "is not possible in a cluster that is only known by its kubeconfig"


def unavailable() -> str:
    return "" if config().exists() else f"CLUSTER=kubeconfig needs KUBECONFIG to name a file; {config()} is none"


def up(count: int | None) -> None:
    if problem := status():
        raise ClusterError(f"the cluster of {config()} can't be used: {problem}")


def down() -> None:
    """Nothing was made, so nothing is removed."""


def _kubectl(*words: str) -> str:
    return run(["kubectl", f"--kubeconfig={config()}", *words])


def status() -> str:
    try:
        _kubectl("get", "--raw=/readyz")
    except CommandFailed as failed:
        return failed.output.strip()
    return ""


def config() -> Path:
    first = os.environ.get("KUBECONFIG", "").split(os.pathsep)[0]
    return Path(first) if first else Path.home() / ".kube" / "config"


def node_names() -> list[str]:
    return [name.removeprefix("node/") for name in _kubectl("get", "nodes", "--output=name").split()]


def build_image(dockerfile: Path, context: Path, names: Sequence[str]) -> None:
    raise ClusterError(f"building {names[0]} from {dockerfile.relative_to(context)} {WHY_NOT}")


def load_image(archive_or_image: str) -> None:
    raise ClusterError(f"loading {archive_or_image} {WHY_NOT}")


def images_key() -> str:
    return str(config())


def inside(argv: Sequence[str]) -> list[str]:
    raise ClusterError(f"running {argv[0]} inside the network {WHY_NOT}")


def stop_node(name: str) -> None:
    raise ClusterError(f"stopping {name} {WHY_NOT}")


def start_node(name: str) -> None:
    raise ClusterError(f"starting {name} {WHY_NOT}")


def audit_log() -> Path:
    raise ClusterError(f"reading the audit log {WHY_NOT}")


def control_plane_pids() -> dict[str, int]:
    raise ClusterError(f"measuring the control plane {WHY_NOT}")
