"""Debian packages that the cluster and tests need, installed once, from wherever the machine's apt gets them."""

from __future__ import annotations

import shutil
from pathlib import Path

from .commands import ClusterError, environment, run
from .progress import say

# The package, and a program or file that shows that it is there.
PACKAGES = {
    "containerd": "containerd",
    "runc": "runc",
    "containernetworking-plugins": "/usr/lib/cni/ptp",
    "conntrack": "conntrack",
    "iptables": "iptables",
    "iproute2": "ip",
    "procps": "sysctl",
    "util-linux": "nsenter",
    "mount": "mount",
    "openssl": "openssl",
    "buildah": "buildah",
    "debootstrap": "debootstrap",
    "ca-certificates": "/etc/ssl/certs/ca-certificates.crt",
    "prometheus": "prometheus",  # asked by tests/measure/test_prometheus.py
}


def missing() -> list[str]:
    path = environment()["PATH"]
    return [name for name, proof in PACKAGES.items() if not (shutil.which(proof, path=path) or Path(proof).exists())]


def install() -> None:
    """Install what is missing.

    Raises:
        ClusterError: with the packages' names, where apt-get is not to be had.
    """
    names = missing()
    if not names:
        return
    if not shutil.which("apt-get"):
        raise ClusterError(f"these programs are missing and there is no apt-get to install them: {' '.join(names)}")
    say(f"installing {' '.join(names)}")
    env = {**environment(), "DEBIAN_FRONTEND": "noninteractive"}
    # policy-rc.d would be the Debian way to keep containerd's service from starting; without systemd none starts.
    run(["apt-get", "update"], env=env, timeout=300)
    run(["apt-get", "install", "--yes", "--no-install-recommends", *names], env=env, timeout=600)
