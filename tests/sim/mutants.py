"""``python -m tests.sim.mutants``: deliberate bugs in ``decide``, each put into a copy of the operator's source, and
what the simulator says of them. One that is not caught is a hole in the invariants, and the exit code is 1."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

GATEWAYS = "--gateways"
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Mutant:
    """A bug: in this file of ``decide``, this text becomes that one."""

    bug: str
    file: str
    before: str
    after: str
    kind: str = ""  # of the stories that notice it: an option of tests.sim


MUTANTS = (
    Mutant(
        "weight before capacity",
        "traffic.py",
        "    if ready >= situation.position.pods(needed):\n        return asked\n",
        "    if ready >= 0:\n        return asked\n",
    ),
    Mutant(
        "candidate goes before its share is confirmed to be gone",
        "retire.py",
        "_young(situation, target, revisions) | leaving)\n",
        "_young(situation, target, revisions))\n",
    ),
    Mutant(
        "promoted without enough ready pods",
        "rollout.py",
        "situation.ready(wanted) >= situation.full\n",
        "situation.ready(wanted) >= min(1, situation.full)\n",
    ),
    Mutant(
        "promoted with no ready pod at all",
        "rollout.py",
        "    enough = reported and situation.ready(wanted) >= situation.full\n",
        "    enough = reported\n",
    ),
    Mutant("a failed revision is tried again", "rollout.py", "    (_failed, Stage.FAILED),\n", ""),
    Mutant(
        "a verb about another revision is obeyed",
        "verbs.py",
        "    if found[2] not in (subject.hash, names.revision(resource.name, subject.hash)):\n",
        "    if not found[2]:\n",
    ),
    Mutant(
        "a verb is obeyed whatever its precondition",
        "situation.py",
        "        rolling=rolling and not failed,\n",
        "        rolling=True,\n",
    ),
    Mutant(
        "replicas are sent beside an autoscaler",
        "scaling.py",
        "    return None if situation.spec.scaling.autoscaled else situation.needed(revision)\n",
        "    return situation.needed(revision)\n",
    ),
    Mutant(
        "an autoscaled Deployment is not seeded",
        "scaling.py",
        "    if not situation.spec.scaling.autoscaled:\n        return None\n    live",
        "    if situation.now:\n        return None\n    live",
    ),
    Mutant(
        "the front moves at the first step",
        "desired.py",
        "    return Aim(\n        stable, shown, front, (",
        "    front = candidate.hash if candidate and situation.position.began else front\n"
        "    return Aim(\n        stable, shown, front, (",
    ),
    Mutant(
        "the old one goes with the switch",
        "retire.py",
        "SETTLE: Final = timedelta(seconds=5)",
        "SETTLE: Final = timedelta(seconds=0)",
    ),
    Mutant(
        "confirmed by all pods but one",
        "traffic.py",
        "    return tuple(pod for pod in pods if not _reported(situation, pod, wanted))\n",
        "    return tuple(pod for pod in pods if not _reported(situation, pod, wanted))[1:]\n",
    ),
    Mutant(
        "a step is over without confirmation",
        "advance.py",
        "        return _settled(situation) and (_watched_afterwards(position) or not verdict.waiting)\n",
        "        return True\n",
    ),
    Mutant(
        "a pause ends at once",
        "advance.py",
        "    over = position.ends_at is not None and situation.now >= position.ends_at\n",
        "    over = position.ends_at is not None\n",
    ),
    Mutant(
        "a third version keeps the second one's share",
        "traffic.py",
        "    same = {key: before[key] for key in _SHARED if key in before} == content\n",
        '    same = {key: before[key] for key in _SHARED if key in before} == content or "stable" in before\n',
    ),
    Mutant(
        "an abort leaves the share",
        "desired.py",
        "    shared = bool(coming) and not marked and stage is not Stage.GIVING_UP\n",
        "    shared = True\n",
    ),
    Mutant(
        "a touch is never repeated",
        "traffic.py",
        "TOUCH_AGAIN: Final = 5.0",
        "TOUCH_AGAIN: Final = 500000.0",
    ),
    Mutant(
        "nobody is told that a verb was ignored",
        "verbs.py",
        "        if not self.action:\n",
        "        if not self.action or not self.done:\n",
    ),
    Mutant("a failed check has no effect", "rollout.py", "    (_failed_a_check, Stage.GIVING_UP),\n", ""),
    Mutant(
        "two steps at once",
        "advance.py",
        "_over(situation, verdict):\n        return Advance(position.next(situation.now),",
        "_over(situation, verdict):\n        return Advance(position.next(situation.now).next(situation.now),",
    ),
    Mutant(
        "a step's end is looked at without pause",
        "plan.py",
        "(situation.position.ends_at,) if moment and moment > situation.now]",
        "(situation.position.ends_at,) if moment]",
    ),
    Mutant(
        "numbers are told while a rollout is held",
        "progress.py",
        "ends=found is Stage.GIVING_UP)",
        "ends=step.judgement.failed is not None)",
    ),
    Mutant(
        "a deleted document's successor begins with 1",
        "traffic.py",
        "    return int(situation.now.timestamp()) if situation.world.pods else 1\n",
        "    return 1\n",
    ),
    Mutant(
        "a step ends without its pods",
        "advance.py",
        " or situation.ready(situation.target) < position.pods(situation.full):\n",
        ":\n",
    ),
    Mutant(
        "a gateway's word about a former route is taken for one about the latest",
        "parents.py",
        "_is(asked, each) and _generation(each) >= live.generation for each in said",
        "_is(asked, each) for each in said",
        GATEWAYS,
    ),
    Mutant(
        "one gateway's word is enough",
        "gateway.py",
        "    return all(follows(live, situation.resource.namespace, ref) for ref in _refs(situation))\n",
        "    return any(follows(live, situation.resource.namespace, ref) for ref in _refs(situation))\n",
        GATEWAYS,
    ),
    Mutant(
        "a candidate goes while gateways may send to it",
        "retire.py",
        "    return parting if gateway.sends(after, serving, shared, target.document) else frozenset()\n",
        "    return frozenset()\n",
        GATEWAYS,
    ),
    Mutant(
        "gateways and pods split at once",
        "gateway.py",
        "    if unconfirmed(situation, document):\n",
        "    if False:\n",
        GATEWAYS,
    ),
    Mutant(
        "a route that is not asked for any more goes at once",
        "handover.py",
        "    if not others(situation):\n",
        "    if situation:\n",
        GATEWAYS,
    ),
    Mutant(
        "who serves is promoted anew when nothing remembers it",
        "desired.py",
        "not stable.promoted_at and situation.readable:",
        "not stable.promoted_at:",
    ),
)


def caught(mutant: Mutant, schedules: int) -> str:
    """What the simulator says of the bug; empty if it is content."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        copy = Path(folder) / "modelway"
        shutil.copytree(ROOT / "operator" / "modelway", copy, ignore=shutil.ignore_patterns("__pycache__"))
        path = copy / "decide" / mutant.file
        text = path.read_text()
        if text.count(mutant.before) != 1:
            raise SystemExit(f"{mutant.bug}: its text is in {mutant.file} {text.count(mutant.before)} times, not once")
        path.write_text(text.replace(mutant.before, mutant.after))
        command = [sys.executable, "-m", "tests.sim.play", str(schedules), *filter(None, [mutant.kind])]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join((folder, str(ROOT)))}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        if done.returncode not in (0, 1):
            raise SystemExit(f"{mutant.bug}: {done.stderr}")
        return done.stdout.strip()


def main() -> int:
    """Prints a table, bug by bug."""
    parser = argparse.ArgumentParser(prog="python -m tests.sim.mutants", description=__doc__)
    parser.add_argument("--schedules", type=int, default=1500, help="at most so many for each bug")
    parser.add_argument("--only", default="", help="bugs whose names hold this")
    options = parser.parse_args()
    chosen = [mutant for mutant in MUTANTS if options.only in mutant.bug]
    missed = 0
    for mutant in chosen:
        told = caught(mutant, options.schedules)
        missed += not told
        print(f"| {mutant.bug} | {told or f'NOT CAUGHT in {options.schedules} schedules'} |", flush=True)
    print(f"{len(chosen) - missed} of {len(chosen)} caught")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
