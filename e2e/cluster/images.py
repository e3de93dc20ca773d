"""The project's images: built when their inputs changed, and given to every node.

Nodes have no way to a registry, so what is not given to them here can't run: a missing image is a real ErrImagePull.
"""

from __future__ import annotations

import hashlib
import json
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

from .commands import ClusterError
from .exclusive import alone
from .progress import say
from .provider import Provider
from .settings import cache, repository

COMPONENTS = ("operator", "runtime")
IGNORED = {"__pycache__", ".git", ".venv", ".mypy_cache", ".ruff_cache", ".pytest_cache"}


def version() -> str:
    """The project's version, which the chart asks for."""
    return str(tomllib.loads((repository() / "pyproject.toml").read_text())["project"]["version"])


def reference(component: str, tag: str = "dev") -> str:
    """The name under which manifests ask for one of the project's images."""
    return f"modelway/{component}:{tag}"


def ensure(provider: Provider, components: tuple[str, ...] = COMPONENTS) -> None:
    """Build and hand over what changed since the nodes got it."""
    with alone("images"):
        for component in components:
            _ensure(provider, component)


def _ensure(provider: Provider, component: str) -> None:
    dockerfile = repository() / component / "Dockerfile"
    key = _key(dockerfile, provider)
    if _known().get(component) == key:
        say(f"{reference(component)} is up to date on all nodes")
        return
    provider.build_image(dockerfile, repository(), [reference(component), reference(component, version())])
    _record().write_text(json.dumps({**_known(), component: key}))


def _key(dockerfile: Path, provider: Provider) -> str:
    """A hash of the Dockerfile, of every file that it copies from the repository, and of the nodes' own state."""
    if not dockerfile.exists():
        raise ClusterError(f"{dockerfile.relative_to(repository())} is missing")
    digest = hashlib.sha256(dockerfile.read_bytes() + provider.images_key().encode())
    for source in sorted(set(_sources(dockerfile))):
        digest.update(f"{source.relative_to(repository())}\0".encode() + source.read_bytes())
    return digest.hexdigest()


def _sources(dockerfile: Path) -> Iterator[Path]:
    joined = dockerfile.read_text().replace("\\\n", " ")
    for line in joined.splitlines():
        if not line.lstrip().upper().startswith(("COPY ", "ADD ")) or "--from" in line:
            continue
        words = [word for word in shlex.split(line, comments=True)[1:] if not word.startswith("--")]
        for pattern in words[:-1]:
            inside = pattern.strip("./")
            for found in repository().glob(inside) if inside else [repository()]:
                yield from (path for path in [found, *found.rglob("*")] if path.is_file() and _counts(path))


def _counts(path: Path) -> bool:
    return not IGNORED.intersection(path.relative_to(repository()).parts) and path.suffix != ".pyc"


def _record() -> Path:
    return cache() / "images.json"


def _known() -> dict[str, str]:
    return dict(json.loads(_record().read_text())) if _record().exists() else {}
