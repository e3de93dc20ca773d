"""Plays seeded stories, and tells of those that go wrong."""

from __future__ import annotations

import logging
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.sim.story import Story
from tests.sim.world import Violated


@dataclass(frozen=True, slots=True)
class Finding:
    """A story that went wrong."""

    seed: int
    what: str
    lines: tuple[str, ...]
    option: str = ""

    @property
    def rule(self) -> str:
        """The invariant's name."""
        return self.what.partition(":")[0]

    def told(self) -> str:
        """For people."""
        return "\n".join(
            [
                f"story {self.seed}: {self.what}",
                *self.lines,
                f"replay: python -m tests.sim --schedules 1 --seed {self.seed}{self.option}",
            ]
        )


@dataclass
class Played:
    """What came of many stories."""

    stories: int = 0
    decisions: int = 0
    writes: int = 0
    crashes: int = 0
    compared: int = 0  # ends that were held against that of a fresh ModelDeployment with the same spec
    seconds: float = 0.0
    cpu: float = 0.0  # seconds
    findings: list[Finding] = field(default_factory=list)
    ends: Counter[str] = field(default_factory=Counter)

    def add(self, other: Played) -> None:
        """Counts another one's, too."""
        self.stories += other.stories
        self.decisions += other.decisions
        self.writes += other.writes
        self.crashes += other.crashes
        self.compared += other.compared
        self.cpu += other.cpu
        self.findings += other.findings
        self.ends += other.ends

    def told(self) -> str:
        """For people."""
        ends = ", ".join(f"{count} {phase}" for phase, count in self.ends.most_common())
        rules = Counter(finding.rule for finding in self.findings)
        found = "; ".join(f"{count} of {rule}" for rule, count in rules.most_common()) or "none"
        rate = self.stories / max(self.seconds, 0.001)
        fresh = f"{self.compared} ends as of a fresh one"
        counts = f"{self.decisions} decisions, {self.writes} writes, {self.crashes} crashes, {fresh}"
        each = 1000 * self.cpu / max(self.stories, 1)
        speed = f"{self.stories} schedules in {self.seconds:.0f} s ({rate:.0f} a second, {each:.0f} ms of CPU each)"
        return f"{speed}: {counts}; ends: {ends}; violations: {found}"


@contextmanager
def silence() -> Iterator[None]:
    """Without the operator's log, which tells of every fault."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


def play(seeds: Iterable[int], decide: Any = None, at_most: int = 20, kind: type[Story] = Story) -> Played:
    """Plays the stories of these seeds; ends after so many findings."""
    played, begun, cpu = Played(), time.monotonic(), time.process_time()
    with silence():
        for seed in seeds:
            story = kind(seed)
            if finding := _played(story, decide):
                played.findings.append(finding)
            world = story.world
            played.stories += 1
            played.decisions += world.decisions
            played.writes += len(world.api.writes)
            played.crashes += world.crashes
            played.compared += world.compared
            played.ends[str((world.resource().get("status") or {}).get("phase"))] += 1
            if len(played.findings) >= at_most:
                break
    played.seconds, played.cpu = time.monotonic() - begun, time.process_time() - cpu
    return played


def _played(story: Story, decide: Any) -> Finding | None:
    try:
        story.run(decide)
    except Violated as violated:
        return Finding(story.seed, str(violated), tuple(story.lines), story.option)
    except Exception as error:  # a bug is a finding like any other
        what = f"{type(error).__name__}: {error}\n{traceback.format_exc(limit=-4)}"
        return Finding(story.seed, what, tuple(story.lines), story.option)
    return None


def main() -> int:
    """Plays until the first finding, and tells its rule and after how many stories: what mutants are asked for."""
    import modelway
    from tests.sim.behind import Behind

    kind = Behind if sys.argv[2:] == ["--gateways"] else Story
    played = play(range(int(sys.argv[1])), at_most=1, kind=kind)
    for finding in played.findings:
        print(f"{finding.what.splitlines()[0][:110]} | {played.stories}")
    print(modelway.__file__, file=sys.stderr)
    return 1 if played.findings else 0


if __name__ == "__main__":
    sys.exit(main())
