"""Image archives in Docker's format, written by hand for a program without a base, and imported into the nodes."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .commands import run
from .settings import Node


def _add(archive: tarfile.TarFile, name: str, content: bytes, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    archive.addfile(entry, io.BytesIO(content))


def from_scratch(image: str, program: Path, target: Path) -> Path:
    """Write the archive of an image that holds one static program and runs it as a user without rights."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as files:
        _add(files, program.name, program.read_bytes(), 0o755)
    digest = hashlib.sha256(layer.getvalue()).hexdigest()
    config = json.dumps({
        "architecture": "amd64", "os": "linux", "config": {"Entrypoint": [f"/{program.name}"], "User": "65535:65535"},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
    }).encode()  # fmt: skip
    config_name = f"{hashlib.sha256(config).hexdigest()}.json"
    manifest = [{"Config": config_name, "RepoTags": [f"docker.io/{image}"], "Layers": [f"{digest}/layer.tar"]}]
    with tarfile.open(target, mode="w") as archive:
        _add(archive, f"{digest}/layer.tar", layer.getvalue())
        _add(archive, config_name, config)
        _add(archive, "manifest.json", json.dumps(manifest).encode())
    return target


def import_into(nodes: Sequence[Node], archive: Path) -> None:
    """Give every node the images of an archive."""
    with ThreadPoolExecutor() as workers:
        list(workers.map(lambda node: ctr(node, "images", "import", str(archive)), nodes))


def ctr(node: Node, *words: str) -> str:
    """containerd's own client on a node, in the namespace that kubelet uses."""
    return run(["ctr", f"--address={node.socket}", "--namespace=k8s.io", *words], timeout=600)
