"""A ``Picture`` as a tree of lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from .branch import Branch, Tone
from .picture import CheckLine, Picture, PodLine, RevisionLine
from .routes import ParentLine, RouteLine
from .steps import StepLine

_PHASES: Final = {
    "Ready": Tone.GOOD,
    "ScaledToZero": Tone.QUIET,
    "Failed": Tone.BAD,
    "Degraded": Tone.BAD,
}
_STEPS: Final = {"done": ("✓", Tone.GOOD), "now": ("▶", Tone.STRONG), "next": ("·", Tone.QUIET)}
_CHECKS: Final = {"Passed": ("✓", Tone.GOOD), "Failed": ("✗", Tone.BAD), "Inconclusive": ("?", Tone.WAITING)}
DIGEST: Final = len("sha256:") + 12


def tree(picture: Picture) -> Branch:
    """The whole tree."""
    title = f"{picture.namespace}/{picture.name}: {picture.phase}, {picture.strategy}"
    return Branch(title, _PHASES.get(picture.phase, Tone.WAITING), tuple(_parts(picture)))


def _parts(picture: Picture) -> Iterator[Branch]:
    yield from (_revision(each) for each in picture.revisions)
    yield from (_route(each) for each in picture.routes)
    if picture.steps:
        now = next((step.number for step in picture.steps if step.state == "now"), None)
        where = f"step {now} of {len(picture.steps)}" if now else f"{len(picture.steps)} steps"
        yield Branch(where, Tone.STRONG, tuple(_step(each) for each in picture.steps))
    if picture.checks:
        yield Branch("checks", Tone.STRONG, tuple(_check(each) for each in picture.checks))
    if picture.last_action:
        yield Branch(f"last action: {picture.last_action}", Tone.QUIET)
    if picture.waits:
        failed = picture.phase == "Failed"
        yield Branch(f"{'stalled' if failed else 'waits'}: {picture.waits}", Tone.BAD if failed else Tone.WAITING)
    elif picture.message:
        yield Branch(picture.message)
    if picture.next:
        yield Branch(f"next: {picture.next}")


def _revision(line: RevisionLine) -> Branch:
    version = f' "{line.version}"' if line.version else ""
    share = f", {line.weight}% of the requests" if line.weight is not None else ""
    digest = f", {line.digest[:DIGEST]}" if line.digest else ""
    failed = f", given up: {line.failure}" if line.failure else ""
    text = f"{line.role}: revision {line.revision}{version}, {line.name}{digest}{share}{failed}"
    tone = Tone.BAD if line.failure else Tone.QUIET if line.role == "leaving" else Tone.STRONG
    pods = tuple(_pod(pod) for pod in line.pods)
    if line.failure:
        return Branch(text, tone, (Branch("its pods go", Tone.QUIET, pods),) if pods else ())
    return Branch(text, tone, (Branch(f"{line.ready} of {line.replicas} pods ready", _enough(line), pods),))


def _enough(line: RevisionLine) -> Tone:
    if line.role == "leaving":
        return Tone.QUIET
    return Tone.GOOD if line.ready >= line.replicas else Tone.WAITING


def _pod(pod: PodLine) -> Branch:
    node = f" on {pod.node}" if pod.node else ""
    restarts = f", {pod.restarts} restarts" if pod.restarts else ""
    return Branch(f"{pod.name}: {pod.state}{node}{restarts}", Tone.GOOD if pod.ready else Tone.WAITING)


def _route(line: RouteLine) -> Branch:
    title = f"{line.kind} {line.name}"
    if line.missing:
        return Branch(f"{title}: {line.missing}", Tone.WAITING)
    shares = ", ".join(f"{each.weight}% to {each.service} ({each.role})" for each in line.weights)
    hosts = f", for {', '.join(line.hostnames)}" if line.hostnames else ""
    return Branch(f"{title}: {shares}{hosts}", Tone.STRONG, tuple(_parent(each) for each in line.parents))


def _parent(line: ParentLine) -> Branch:
    if line.confirmed:
        return Branch(f"✓ {line.parent}: accepted and confirmed", Tone.GOOD)
    sign, tone = ("✗", Tone.BAD) if line.refused else ("?", Tone.WAITING)
    before = "accepted before, " if line.accepted and not line.refused else ""
    return Branch(f"{sign} {line.parent}: {before}{line.waits}", tone)


def _step(step: StepLine) -> Branch:
    sign, tone = _STEPS[step.state]
    until = f", until {step.ends_at}" if step.ends_at else ""
    return Branch(f"{sign} {step.number}. {step.what}{until}", tone)


def _check(check: CheckLine) -> Branch:
    sign, tone = _CHECKS.get(check.state, ("?", Tone.WAITING))
    told = check.message or f"{check.check}: {check.state}"
    return Branch(f"{sign} {told}", tone)
