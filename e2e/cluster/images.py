"""The project's images: built when their inputs changed, and given to every node.

Nodes have no way to a registry, so what is not imported here can't run: a missing image is a real ErrImagePull.
"""

from __future__ import annotations

import hashlib
import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

from . import archives, base_image, buildah, local
from .commands import ClusterError
from .progress import say
from .settings import repository, state

COMPONENTS = ("operator", "runtime")
IGNORED = {"__pycache__", ".git", ".venv", ".mypy_cache", ".ruff_cache", ".pytest_cache"}


def version() -> str:
    return str(tomllib.loads((repository() / "pyproject.toml").read_text())["project"]["version"])


def reference(component: str, tag: str = "dev") -> str:
    """The name under which manifests ask for one of the project's images."""
    return f"modelway/{component}:{tag}"


def ensure() -> None:
    """Build and import what changed since the nodes got it."""
    base_image.ensure()
    for component in COMPONENTS:
        dockerfile = repository() / component / "Dockerfile"
        inputs = _inputs(dockerfile)
        if _imported().get(component) == inputs:
            say(f"{reference(component)} is up to date on all nodes")
            continue
        names = [reference(component), reference(component, version())]
        buildah.build(dockerfile, repository(), *names)
        _import(component, [f"docker.io/{name}" for name in names])
        _remember(component, inputs)


def load(archive_or_image: str) -> None:
    """Import an archive (as of `docker save`), or an image of buildah's store."""
    path = Path(archive_or_image)
    if path.exists():
        say(f"importing {path.name} into {len(local.members())} nodes")
        archives.import_into(local.members(), path)
        return
    if not buildah.exists(archive_or_image):
        raise ClusterError(f"{archive_or_image} is neither a file nor an image in the store")
    _import(re.sub(r"\W+", "-", archive_or_image), [archive_or_image])


def _import(file: str, names: list[str]) -> None:
    archive = buildah.push(names[0], state() / "archives" / f"{file}.tar")
    say(f"importing {names[0]} ({archive.stat().st_size >> 20} MiB) into {len(local.members())} nodes")
    archives.import_into(local.members(), archive)
    for node in local.members():
        for name in names[1:]:
            archives.ctr(node, "images", "tag", "--force", names[0], name)
    archive.unlink()


def _inputs(dockerfile: Path) -> str:
    """A hash of the Dockerfile and of every file that it copies from the repository."""
    if not dockerfile.exists():
        raise ClusterError(f"{dockerfile.relative_to(repository())} is missing")
    digest = hashlib.sha256(dockerfile.read_bytes())
    for source in sorted(set(_sources(dockerfile))):
        digest.update(f"{source.relative_to(repository())}\0".encode() + source.read_bytes())
    return digest.hexdigest()


def _sources(dockerfile: Path) -> Iterator[Path]:
    joined = dockerfile.read_text().replace("\\\n", " ")
    for line in joined.splitlines():
        words = shlex.split(line, comments=True)
        if not words or words[0].upper() not in ("COPY", "ADD") or any(word.startswith("--from") for word in words):
            continue
        for pattern in [word for word in words[1:-1] if not word.startswith("--")]:
            for found in repository().glob(pattern.strip("/")) if pattern.strip("./") else [repository()]:
                yield from (path for path in [found, *found.rglob("*")] if path.is_file() and _counts(path))


def _counts(path: Path) -> bool:
    return not IGNORED.intersection(path.relative_to(repository()).parts) and path.suffix != ".pyc"


def _record() -> Path:
    return state() / "images.json"


def _imported() -> dict[str, str]:
    return dict(json.loads(_record().read_text())) if _record().exists() else {}


def _remember(component: str, inputs: str) -> None:
    _record().write_text(json.dumps({**_imported(), component: inputs}))
