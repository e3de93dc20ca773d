"""Where the peers live: a virtual environment each, under the user's cache folder, made by pip at first use."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from bench.runtime.catalogue import SHARED, Peer

ROOT = Path(__file__).parents[2]
INSTALL_LIMIT_SECONDS = 600


class Unavailable(Exception):
    """A peer that can't be measured here, in a sentence that goes into the table."""


def cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "modelway" / "bench-runtime"


def project(module: str, *arguments: str, core: int | None = None) -> str:
    """What a module of the bench prints when it runs in the project's own environment, on `core` if one is given."""
    command = [sys.executable, "-m", module, *arguments]
    environment = {**os.environ, "ORT_DISABLE_TELEMETRY": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, preexec_fn=pinned(core))
    if done.returncode:
        raise Unavailable(cause(done.stderr) or f"{module} ended with {done.returncode}")
    return done.stdout


def pinned(core: int | None) -> Callable[[], None] | None:
    """For `preexec_fn`: put the process that starts, and all that it starts, on one core."""
    return None if core is None else lambda: os.sched_setaffinity(0, {core})


def cause(log: str) -> str:
    """The last line of a log that names an error, otherwise the last one that says something; 100 characters."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()]
    return (errors or lines or [""])[-1][:100]


def python_of(peer: Peer) -> Path:
    """The interpreter that runs the peer; installs it first if needed. Raises Unavailable with pip's last words."""
    if not peer.requirements:
        return Path(sys.executable)
    folder = cache() / f"{peer.name}-{sys.version_info.major}.{sys.version_info.minor}"
    python, done = folder / "bin/python", folder / "installed"
    wanted = "\n".join((*SHARED, *peer.requirements))
    if done.exists() and done.read_text() == wanted:
        return python
    print(f"Installing {peer.title} into an environment of its own (once) …", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    install = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", *SHARED, *peer.requirements]
    try:
        told = subprocess.run(install, capture_output=True, text=True, timeout=INSTALL_LIMIT_SECONDS)
    except subprocess.TimeoutExpired:
        raise Unavailable(f"not installed: pip took more than {INSTALL_LIMIT_SECONDS} s") from None
    if told.returncode:
        raise Unavailable(f"not installed: {cause(told.stderr)}")
    done.write_text(wanted)
    return python
