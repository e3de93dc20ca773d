"""buildah as we use it: Dockerfiles without an engine, with a store of its own in the cache."""

from __future__ import annotations

from pathlib import Path

from .commands import environment, run
from .progress import say
from .settings import RUN, cache


def store() -> Path:
    return cache() / "images"


def buildah(*words: str | Path, timeout: float = 300) -> str:
    """Run buildah on the cache's store. chroot is the isolation that needs no engine, no cgroup and no namespace."""
    places = [f"--root={store()}", f"--runroot={RUN / 'buildah'}"]
    RUN.mkdir(parents=True, exist_ok=True)
    return run(["buildah", *places, *words], env={**environment(), "BUILDAH_ISOLATION": "chroot"}, timeout=timeout)


def exists(image: str) -> bool:
    return bool(buildah("images", "--quiet", "--filter", f"reference={image}").strip())


def build(dockerfile: Path, context: Path, *names: str) -> None:
    """Build a Dockerfile under the given names; layers that did not change come from the store.

    The machine's resolver is mounted because a chroot would look for the base's own.
    """
    say(f"building {names[0]} from {dockerfile.relative_to(context)}")
    resolver = "/etc/resolv.conf"
    tags = [f"--tag=docker.io/{name}" for name in names]
    flags = ["--network=host", "--pull-never", "--layers", f"--volume={resolver}:{resolver}:ro", "--format=docker"]
    buildah("build", *flags, *tags, f"--file={dockerfile}", context, timeout=1800)


def push(image: str, archive: Path) -> Path:
    """Write an image of the store into a Docker archive under its own name."""
    archive.unlink(missing_ok=True)  # docker-archive can't overwrite
    archive.parent.mkdir(parents=True, exist_ok=True)
    buildah("push", image, f"docker-archive:{archive}:{image}", timeout=600)
    return archive
