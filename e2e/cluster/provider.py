"""Where a cluster can come from, and which one is used."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from . import existing, kind, local
from .commands import ClusterError
from .settings import cache


class Provider(Protocol):
    """What the rest of the project may ask of a cluster; each provider is a module with these functions."""

    def unavailable(self) -> str:
        """Why it can't be used on this machine; empty when it can."""

    def up(self, count: int | None) -> None:
        """Bring it up or reuse it; without a count, any healthy cluster will do."""

    def down(self) -> None: ...

    def status(self) -> str:
        """What is wrong, in a sentence; empty when the cluster is healthy."""

    def config(self) -> Path:
        """The kubeconfig."""

    def node_names(self) -> list[str]: ...

    def build_image(self, dockerfile: Path, context: Path, names: Sequence[str]) -> None:
        """Build a Dockerfile and give the image to every node, under all names."""

    def load_image(self, archive_or_image: str) -> None: ...

    def images_key(self) -> str:
        """Changes whenever the nodes have lost their images."""

    def inside(self, argv: Sequence[str]) -> list[str]:
        """The command that runs `argv` where pods and Services can be reached."""

    def stop_node(self, name: str) -> None: ...

    def start_node(self, name: str) -> None: ...

    def audit_log(self) -> Path: ...

    def control_plane_pids(self) -> dict[str, int]: ...


PROVIDERS: dict[str, Provider] = {"kind": kind, "kubeconfig": existing, "local": local}


def _remembered() -> Path:
    return cache() / "provider"


def choose(wanted: str | None = None) -> tuple[str, Provider]:
    """The provider asked for by argument or by CLUSTER; else the one of the last `up`; else the first that can be used.

    An existing cluster is never taken by itself: tests would run in somebody's cluster.
    """
    wanted = wanted or os.environ.get("CLUSTER") or "auto"
    if wanted == "auto" and _remembered().exists():
        wanted = _remembered().read_text()
    if wanted != "auto":
        if wanted not in PROVIDERS:
            raise ClusterError(f"CLUSTER={wanted} is not one of auto, {', '.join(PROVIDERS)}")
        if reason := PROVIDERS[wanted].unavailable():
            raise ClusterError(reason)
        return wanted, PROVIDERS[wanted]
    reasons = {name: PROVIDERS[name].unavailable() for name in ("kind", "local")}
    for name, reason in reasons.items():
        if not reason:
            return name, PROVIDERS[name]
    raise ClusterError(f"no cluster can be made here: {'; '.join(reasons.values())}; or set CLUSTER=kubeconfig")


def remember(name: str | None) -> None:
    """Keep the choice of `up` for the commands that follow; None forgets it."""
    if name is None:
        _remembered().unlink(missing_ok=True)
    else:
        cache().mkdir(parents=True, exist_ok=True)
        _remembered().write_text(name)
