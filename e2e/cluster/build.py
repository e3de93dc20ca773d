"""Go programs built from source into the cache, keyed by what they are made of: the second build is a look-up.

All come from the one module in `go/`, so that they share one list of versions and every compiled package.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .commands import ClusterError, environment, last_lines, run
from .exclusive import alone
from .progress import say
from .settings import KUBERNETES_VERSION, cache

MODULE = Path(__file__).parent / "go"


@dataclass(frozen=True, slots=True)
class Program:
    """A program of the module: its file's name and the package that it is built from."""

    name: str
    package: str


KUBE = Program("kube", "./kube")
PAUSE = Program("pause", "./pause")
COREDNS = Program("coredns", "./coredns")
METRICS_SERVER = Program("metrics-server", "sigs.k8s.io/metrics-server/cmd/metrics-server")
HELM = Program("helm", "helm.sh/helm/v4/cmd/helm")
KWOK = Program("kwok", "sigs.k8s.io/kwok/cmd/kwok")


def version() -> str:
    """What the programs are made of, as a short hash: our sources, the list of versions, and the compiler."""
    digest = hashlib.sha256(f"{KUBERNETES_VERSION} {_go('version')}".encode())
    for source in sorted(path for path in MODULE.rglob("*") if path.suffix in (".go", ".mod", ".sum")):
        digest.update(f"{source.relative_to(MODULE)}\0".encode() + source.read_bytes())
    return digest.hexdigest()[:12]


def _go(*words: str) -> str:
    if not shutil.which("go"):
        raise ClusterError("the Go compiler is missing: the cluster's parts are built from source")
    return run(["go", *words], env=_environment())


def _environment() -> dict[str, str]:
    # Without C libraries the programs run in any image; without version control stamps they are the same in any clone.
    return {**environment(), "CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false -trimpath"}


def folder() -> Path:
    return cache() / "go" / version()


def build(*programs: Program) -> list[Path]:
    """Build what is not in the cache yet; returns the programs' paths.

    Raises:
        ClusterError: with the compiler's last lines.
    """
    target = folder()
    if _absent(programs, target):
        with alone("build"):
            if absent := _absent(programs, target):
                names = ", ".join(program.name for program in absent)
                say(f"building {names} from source; on two cores the first time takes minutes, later none")
                _build(absent, target)
                say(f"built {names}")
    return [target / program.name for program in programs]


def _absent(programs: tuple[Program, ...], target: Path) -> list[Program]:
    return [program for program in programs if not (target / program.name).exists()]


def _build(programs: list[Program], target: Path) -> None:
    partial = target.with_name(f"{target.name}.{os.getpid()}")
    partial.mkdir(parents=True, exist_ok=True)
    stamps = " ".join(
        f"-X k8s.io/{package}/version.gitVersion={KUBERNETES_VERSION}"
        for package in ("component-base", "client-go/pkg")
    )
    argv = ["go", "build", "-ldflags", f"-s -w {stamps}", "-o", f"{partial}/", *(each.package for each in programs)]
    done = subprocess.run(argv, cwd=MODULE, env=_environment(), text=True, capture_output=True, check=False)
    if done.returncode != 0:
        shutil.rmtree(partial)
        raise ClusterError(f"building failed:\n{last_lines(done.stderr)}")
    target.mkdir(parents=True, exist_ok=True)
    for program in programs:
        (partial / program.name).replace(target / program.name)  # atomic: somebody may be looking
    partial.rmdir()


def link(target: Path) -> None:
    """Fill the folder for PATH; helm's link leads nowhere until helm is built."""
    target.mkdir(parents=True, exist_ok=True)
    for name, program in {"kubectl": KUBE, "helm": HELM}.items():
        (target / name).unlink(missing_ok=True)
        (target / name).symlink_to(folder() / program.name)
