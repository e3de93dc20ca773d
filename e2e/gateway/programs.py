"""Envoy Gateway from source, and the folders of the modules that come with it.

Building takes ten minutes the first time (two cores, busy) and is kept: ``make test-gateway`` does it, and the story is
skipped where nobody has.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from e2e.cluster import settings

MODULE = Path(__file__).parent / "go"
PACKAGE = "github.com/envoyproxy/gateway/cmd/envoy-gateway"
ENVOY_GATEWAY = "github.com/envoyproxy/gateway"
GATEWAY_API = "sigs.k8s.io/gateway-api"
MINUTES = 25


def missing() -> str:
    """Why the story can't be told here, in a sentence; empty if it can."""
    if not shutil.which("go"):
        return "the Go compiler is missing: Envoy Gateway is built from source"
    return "" if program().exists() else "Envoy Gateway is not built yet: `make test-gateway` does that, in ten minutes"


def program() -> Path:
    """Where the program is, once it was built: keyed by the list of versions and the compiler."""
    digest = hashlib.sha256(_go("version").encode())
    for name in ("go.mod", "go.sum"):
        digest.update((MODULE / name).read_bytes())
    return settings.cache() / "go" / f"gateway-{digest.hexdigest()[:12]}" / "envoy-gateway"


def build() -> Path:
    """The program, built if it is not there."""
    target = program()
    if not target.exists():
        partial = target.with_name(f"{target.name}.{os.getpid()}")
        target.parent.mkdir(parents=True, exist_ok=True)
        _go("build", "-ldflags", "-s -w", "-o", str(partial), PACKAGE)
        partial.replace(target)  # atomic: somebody else may have been faster
    return target


def folder(module: str) -> Path:
    """Where Go keeps a module that the program is made of."""
    _go("mod", "download", module)
    return Path(_go("list", "-m", "-f", "{{.Dir}}", module).strip())


def _go(*words: str) -> str:
    environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false -trimpath"}
    done = subprocess.run(
        ["go", *words], cwd=MODULE, env=environment, check=True, capture_output=True, text=True, timeout=60 * MINUTES
    )
    return done.stdout


if __name__ == "__main__":
    print(build())
