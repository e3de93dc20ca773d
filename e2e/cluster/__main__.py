"""`python -m e2e.cluster`: a real Kubernetes cluster for the tests, with one command."""

from __future__ import annotations

import argparse
import os
import sys

from . import local
from .commands import ClusterError


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m e2e.cluster")
    sub = parser.add_subparsers(dest="command", required=True)
    up = sub.add_parser("up")
    up.add_argument("--nodes", type=int, default=2)
    sub.add_parser("down")
    sub.add_parser("status")
    k = sub.add_parser("kubectl")
    k.add_argument("words", nargs=argparse.REMAINDER)
    a = parser.parse_args()
    try:
        if a.command == "up":
            local.up(a.nodes)
        elif a.command == "down":
            local.down()
        elif a.command == "status":
            if p := local.status():
                print(p)
                return 1
            print("healthy")
        elif a.command == "kubectl":
            from .settings import kubeconfig, programs
            os.execv(programs() / "kubectl", ["kubectl", f"--kubeconfig={kubeconfig()}", *a.words])
    except ClusterError as e:
        print(e, file=sys.stderr)
        return 1
    return 0

sys.exit(main())
