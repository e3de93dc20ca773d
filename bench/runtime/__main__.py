"""`python -m bench.runtime`: our server against what people use today, side by side in one run.

The figure to trust is CPU per request, from /proc: the machine's other work shifts latencies, but hardly that. Servers
share one core and clients another. Latencies are taken over one connection, CPU under a closed loop of several (the
model's `connections`), which keeps the server busy: with a single one it sleeps after each answer, and to wake its core
takes the kernel some 40 µs of the server's CPU a request. That is the same for every server, more than our own code
takes, and what a loaded server does not pay; it would hide what is compared here. Every peer gets the same load.

Each round goes over all servers, so that what the machine does in the meantime meets them all, and ratios are taken
within a round. The default run takes about a quarter of an hour once the peers are installed.
"""

import argparse
import sys
import time

from bench.runtime import measure, table, targets
from bench.runtime.catalogue import OURS, PEERS
from bench.runtime.models import MODELS
from bench.runtime.servers import cores


def arguments(words: list[str]) -> argparse.Namespace:
    """The command line; ends the process with a sentence where it is wrong."""
    parser = argparse.ArgumentParser(prog="python -m bench.runtime", description="Our server against its peers.")
    peers = [name for name in PEERS if name != OURS]
    parser.add_argument("--peers", default=",".join(peers), help="names with commas between, of %(default)s")
    parser.add_argument("--models", default=",".join(MODELS), help="names with commas between, of %(default)s")
    parser.add_argument("--seconds", type=float, default=1.0, help="one server's load in one round (%(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of load over all servers (%(default)s)")
    parser.add_argument("--starts", type=int, default=3, help="cold starts of each server; 0 for none (%(default)s)")
    told = parser.parse_args(words)
    told.peers = _named(parser, "--peers", told.peers, peers)
    told.models = _named(parser, "--models", told.models, list(MODELS))
    if told.seconds <= 0 or told.rounds < 1 or told.starts < 0:
        parser.error("--seconds must be above 0, --rounds at least 1 and --starts at least 0.")
    return told


def _named(parser: argparse.ArgumentParser, option: str, given: str, known: list[str]) -> list[str]:
    names = [name for name in given.split(",") if name]
    for name in names:
        if name not in known:
            parser.error(f"{option} has no '{name}'; there are {', '.join(known)}.")
    return names


def say(what: str) -> None:
    """Progress, to standard error, where it does not mix with the tables."""
    print(f"{time.strftime('%H:%M:%S')} {what} …", file=sys.stderr, flush=True)


def show(lines: list[str]) -> None:
    print("\n".join(lines) + "\n", flush=True)


def main() -> None:
    told, on, began = arguments(sys.argv[1:]), cores(), time.monotonic()
    peers = [PEERS[name] for name in (OURS, *told.peers)]
    measured = {}
    for name in told.models:
        measured[name] = measure.loads(peers, MODELS[name], told.rounds, told.seconds, on, say)
        show(table.load_lines(measured[name], peers))
    alone: dict[str, measure.Start | str] = {}
    if told.starts:
        alone = measure.starts(peers, MODELS["tiny"], told.starts, told.seconds, on, say)
        show(table.start_lines(alone, peers))
    show(table.target_lines(targets.rows(measured, alone)))
    print(f"medians of {told.rounds} rounds of {told.seconds:g} s; {time.monotonic() - began:.0f} s in all")


if __name__ == "__main__":
    main()
