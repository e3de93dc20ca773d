"""The image `debian:bookworm-slim`, made on this machine: where no registry can be reached, Dockerfiles stay ordinary.

debootstrap brings the same packages as the real one; the same folders are stripped from it. Added are the machine's
certificate authorities and its pip settings, without which nothing could be installed into an image behind a proxy.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from .buildah import buildah, exists
from .commands import ClusterError, run
from .progress import say
from .settings import cache

NAME = "docker.io/library/debian:bookworm-slim"
SUITE = "bookworm"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
# As in the real slim image: no documentation, no translations, no package lists.
STRIPPED = ("usr/share/doc", "usr/share/man", "usr/share/info", "usr/share/locale", "usr/share/lintian",
            "var/lib/apt/lists", "var/cache/apt", "var/log", "var/cache/ldconfig")  # fmt: skip
NO_DOCUMENTATION = "path-exclude /usr/share/doc/*\npath-exclude /usr/share/man/*\npath-exclude /usr/share/locale/*\n"


def ensure() -> None:
    """Make the base unless the store has it."""
    if exists(NAME):
        return
    say("making the base image debian:bookworm-slim by debootstrap; once a machine")
    tree = cache() / f"debian.{os.getpid()}"
    try:
        run(["debootstrap", "--variant=minbase", "--include=ca-certificates", SUITE, tree, _mirror()], timeout=600)
        _slim(tree)
        _settings(tree)
        container = buildah("from", "scratch").strip()
        buildah("add", container, tree, "/")
        buildah("config", "--cmd=bash", f"--env=PATH={PATH}", container)
        buildah("commit", "--rm", container, NAME)
    finally:
        shutil.rmtree(tree, ignore_errors=True)


def _mirror() -> str:
    """Where this machine's apt gets Debian itself from: not simply its first source, which may be a vendor's."""
    targets = run(["apt-get", "indextargets", "--format", "$(IDENTIFIER) $(LABEL) $(COMPONENT) $(REPO_URI)"])
    for line in targets.splitlines():
        if line.startswith("Packages Debian main "):
            return line.split()[3]
    raise ClusterError("apt on this machine has no source for Debian, so the base image can't be made")


def _slim(tree: Path) -> None:
    for folder in STRIPPED:
        shutil.rmtree(tree / folder, ignore_errors=True)
        (tree / folder).mkdir(parents=True)
    (tree / "var/cache/apt/archives/partial").mkdir(parents=True)
    (tree / "etc/dpkg/dpkg.cfg.d/slim").write_text(NO_DOCUMENTATION)


def _settings(tree: Path) -> None:
    if AUTHORITIES.exists():
        shutil.copyfile(AUTHORITIES, tree / "etc/ssl/certs/ca-certificates.crt")
    pip = [Path("/etc/pip.conf"), Path.home() / ".config/pip/pip.conf", Path.home() / ".pip/pip.conf"]
    for settings in pip:
        if settings.exists():
            shutil.copyfile(settings, tree / "etc/pip.conf")
    for settings in Path("/etc/apt/apt.conf.d").glob("*proxy*"):
        shutil.copyfile(settings, tree / "etc/apt/apt.conf.d" / settings.name)
