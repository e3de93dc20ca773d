"""``python -m tests.sim --schedules 100000``: generated stories, held against the design's invariants throughout."""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from functools import partial

from tests.sim.behind import Behind
from tests.sim.play import Played, play, silence
from tests.sim.returning import Returning
from tests.sim.story import Story

PORTION = 50  # seeds that a process takes at a time
BEHIND = 10  # of so many ordinary stories one is also told behind gateways


def _portion(kind: type[Story], seeds: range) -> Played:
    played = play(seeds, kind=kind)
    if kind is Story:
        played.add(play([seed for seed in seeds if seed % BEHIND == 0], kind=Behind))
    return played


def main() -> int:
    """Exit code 1 if an invariant was violated."""
    parser = argparse.ArgumentParser(prog="python -m tests.sim", description=__doc__)
    parser.add_argument("--schedules", type=int, default=1000, help="how many stories")
    parser.add_argument("--seed", type=int, default=0, help="the first story's seed")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--findings", type=int, default=20, help="ends after so many violations")
    parser.add_argument("--every", type=int, default=5000, help="tells how far it is after so many")
    parser.add_argument("--rollbacks", action="store_true", help="users also go back to revisions by number")
    parser.add_argument(
        "--gateways", action="store_true", help="gateways split the requests; so they do in every tenth story"
    )
    options = parser.parse_args()
    kind = Returning if options.rollbacks else Behind if options.gateways else Story
    seeds = range(options.seed, options.seed + options.schedules)
    if options.schedules == 1:
        return _one(kind(options.seed))
    begun, all_of_them, told_at = time.monotonic(), Played(), 0
    portions = [seeds[at : at + PORTION] for at in range(0, len(seeds), PORTION)]
    with multiprocessing.Pool(options.processes) as pool:
        for played in pool.imap_unordered(partial(_portion, kind), portions):
            all_of_them.add(played)
            all_of_them.seconds = time.monotonic() - begun
            for finding in played.findings:
                print(finding.told(), end="\n\n", flush=True)
            if all_of_them.stories >= told_at + options.every:
                told_at = all_of_them.stories
                print(all_of_them.told(), flush=True)
            if len(all_of_them.findings) >= options.findings:
                break
    print(all_of_them.told())
    return 1 if all_of_them.findings else 0


def _one(story: Story) -> int:
    """One story, told whether it goes wrong or not."""
    with silence():
        try:
            story.run()
        except BaseException as error:
            print("\n".join(story.lines))
            print(f"{type(error).__name__}: {error}")
            if isinstance(error, Exception):
                raise
            return 1
    print("\n".join(story.lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
