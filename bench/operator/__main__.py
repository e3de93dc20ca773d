"""The operator with a fleet of ModelDeployments on kwok nodes, on a real API server: what it costs and how fast it is.

    python -m bench.operator [--objects 1000] [--phases create,rest,single,change,restart,leader]

CPU comes from /proc, requests from the API server's audit log, latencies from the audit log's own time stamps.
The operator runs as a process of this machine with the permissions of the chart's ServiceAccount.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from pathlib import Path

from bench.operator.phases import PHASES, Bench


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the operator with a fleet of ModelDeployments.")
    parser.add_argument("--objects", type=int, default=1000, help="how many ModelDeployments; default %(default)s")
    parser.add_argument("--phases", default=",".join(PHASES), help="which to run, in order; default %(default)s")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the cluster is put back
    with tempfile.TemporaryDirectory(prefix="modelway-bench-") as folder:
        bench = Bench(arguments.objects, Path(folder))
        try:
            for phase in arguments.phases.split(","):
                PHASES[phase](bench)
        finally:
            bench.close()


if __name__ == "__main__":
    main()
