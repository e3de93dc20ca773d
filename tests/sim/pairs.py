"""``python -m tests.sim.pairs --pairs 1000``: from any spec to any other, and there it is as if it had begun there.

Invariant 7 of the design, ``state(A → B) == state(fresh B)`` with history aside, for generated pairs. A may be
anything: a model that never serves, held half-way, scaled to zero. B asks for a model that can serve. A person says yes
wherever one is waited for. The same command looks at every phase that waits (``waits.py``): none writes at rest.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections.abc import Iterable
from random import Random
from typing import Any

from tests.sim import specs
from tests.sim.openings import settled
from tests.sim.outcome import state
from tests.sim.play import silence
from tests.sim.waits import WAITS, at_rest
from tests.sim.world import Violated, World

PORTION = 10  # pairs that a process takes at a time


def pair(seed: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Two specs. The second one is not held, for then the first would go on serving, as it should."""
    chance = Random(f"pair {seed}")
    first, second = specs.spec(chance), specs.spec(chance)
    second["model"] = {"uri": chance.choice(specs.GOOD)}
    second["rollout"].pop("paused", None)
    if "wide" in first["model"]["uri"]:  # what takes other inputs takes over only if that is meant
        second["rollout"]["gates"] = {"signature": "Ignore"}
    return first, second


def differences(seed: int) -> list[str]:
    """What is different from a fresh one, and what was written at rest; nothing, if all is well."""
    first, second = pair(seed)
    world = settled(first).fork()
    world.edit(lambda spec: (spec.clear(), spec.update(second))[0])
    _to_its_end(world)
    if second["scaling"].get("replicas") == 0:  # nothing is promoted before there are pods
        second["scaling"] = {"replicas": 1}
        world.edit(lambda spec: spec.update(scaling=second["scaling"]))
        _to_its_end(world)
    mine, fresh = state(world), state(settled(second))
    told = [
        f"{key}: {mine.get(key)} instead of {fresh.get(key)}"
        for key in {*mine, *fresh}
        if mine.get(key) != fresh.get(key)
    ]
    return told + [f"at rest it writes {written}" for written in at_rest(world)]


def _to_its_end(world: World) -> None:
    """A person says yes for as long as one is waited for."""
    world.settle(within=86_400)
    for answers in range(20):
        rollout = world.resource()["status"]["rollout"]
        if world.resource()["status"]["phase"] != "Paused":
            return
        world.annotate(f"promote@{rollout['target'].rpartition('-')[2]}:{answers}")
        world.settle(within=86_400)
    raise Violated("it waits for a person whatever a person says")


def compare(seeds: Iterable[int]) -> list[str]:
    """The pairs that end otherwise, in words."""
    found = []
    with silence():
        for seed in seeds:
            try:
                told = differences(seed)
            except Violated as violated:
                told = [str(violated)]
            if told:
                first, second = pair(seed)
                found.append("\n  ".join([f"pair {seed}: {specs.plain(first)} → {specs.plain(second)}", *told]))
    return found


def main() -> int:
    """Exit code 1 if a pair ends otherwise, or something that waits writes."""
    parser = argparse.ArgumentParser(prog="python -m tests.sim.pairs", description=__doc__)
    parser.add_argument("--pairs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0, help="the first pair's seed")
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args()
    begun, found = time.monotonic(), 0
    for name, wait in WAITS.items():
        with silence():
            writes = wait.writes()
        found += bool(writes)
        print(
            f"| {name} | {wait.told} | {len(writes)} writes at rest |{''.join(f' {w}' for w in writes[:3])}", flush=True
        )
    seeds = range(options.seed, options.seed + options.pairs)
    with multiprocessing.Pool(options.processes) as pool:
        for told in pool.imap_unordered(compare, [seeds[at : at + PORTION] for at in range(0, len(seeds), PORTION)]):
            found += len(told)
            print("".join(f"{each}\n" for each in told), end="", flush=True)
    seconds = time.monotonic() - begun
    print(f"{len(WAITS)} phases that wait, {options.pairs} pairs in {seconds:.0f} s: {found} are not as they should be")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
