"""Images for the nodes of the local provider: built by buildah, handed over as archives to each node's containerd."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from . import archives, base_image, buildah
from .commands import ClusterError
from .progress import say
from .settings import Node, state


def build(dockerfile: Path, context: Path, names: Sequence[str], nodes: Sequence[Node]) -> None:
    """Build a Dockerfile and give the image to the nodes under all names."""
    base_image.ensure()
    buildah.build(dockerfile, context, *names)
    _hand_over([f"docker.io/{name}" for name in names], nodes)


def load(archive_or_image: str, nodes: Sequence[Node]) -> None:
    """Import an archive (as of `docker save`), or an image of buildah's store."""
    path = Path(archive_or_image)
    if path.is_file():
        say(f"importing {path.name} into {len(nodes)} nodes")
        archives.import_into(nodes, path)
    elif buildah.exists(archive_or_image):
        _hand_over([archive_or_image], nodes)
    else:
        raise ClusterError(f"{archive_or_image} is neither a file nor an image in the store")


def _hand_over(names: Sequence[str], nodes: Sequence[Node]) -> None:
    archive = buildah.push(names[0], state() / "archives" / f"{re.sub(r'[^a-z0-9.]+', '-', names[0])}.tar")
    say(f"importing {names[0]} ({archive.stat().st_size >> 20} MiB) into {len(nodes)} nodes")
    archives.import_into(nodes, archive)
    for node in nodes:
        for name in names[1:]:
            archives.ctr(node, "images", "tag", "--force", names[0], name)
    archive.unlink()
