"""`python -m bench.hardness`: what honest clients notice while the server is loaded, attacked, crowded and stopped.

Everything goes over loopback to a real `modelserver serve` process with its ordinary settings: the server on one core,
clients on the other. The exit code is 1 when one honest request failed. Six phases of a minute; `--only` chooses.
"""

import argparse
import sys

from bench.hardness.phases import PHASES, Sizes, run


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.hardness", description="The server under attack.")
    usual = Sizes()
    parser.add_argument("--only", default=",".join(PHASES), help="phases with commas between, of %(default)s")
    parser.add_argument("--seconds", type=float, default=usual.seconds, help="of load in each phase (%(default)s)")
    parser.add_argument("--attackers", type=int, default=usual.attackers, help="slow clients (%(default)s)")
    parser.add_argument("--idle", type=int, default=usual.idle, help="idle connections (%(default)s)")
    told = parser.parse_args()
    sizes = Sizes(seconds=told.seconds, attackers=told.attackers, idle=told.idle)
    failed = 0
    row = "{:12} {:>9} {:>7} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8}"
    print(row.format("phase", "requests", "errors", "p50 ms", "p99 ms", "PSS MB", "peak", "after", "max RSS"))
    for name in told.only.split(","):
        if name not in PHASES:
            parser.error(f"--only has no '{name}'; there are {', '.join(PHASES)}.")
        result = run(name, sizes)
        memory, errors = result.memory, sum(result.errors.values())
        failed += errors
        megabytes = (memory.before, memory.peak, memory.after, memory.highest_rss)
        # A server that has left holds nothing that could be looked at.
        told_memory = (f"{one:.1f}" if one else "-" for one in megabytes)
        cells = [f"{result.p50:.2f}", f"{result.p99:.2f}", *told_memory]
        print(row.format(name, result.requests, errors, *cells), flush=True)
        for line in (result.note, *(f"{count} × {what}" for what, count in result.errors.items())):
            if line:
                print(f"  {line}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
