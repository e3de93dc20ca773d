"""The figures that DESIGN asks for, and what a run says about each. Pure."""

from dataclasses import dataclass
from statistics import median

from bench.runtime.catalogue import OURS
from bench.runtime.measure import Loads, Start


@dataclass(frozen=True, slots=True)
class Ratio:
    """A peer's CPU a request over ours, the same model, each in its own form: at least `must`, better `aim`."""

    model: str
    ours: str
    peer: str
    theirs: str
    must: float
    aim: float


RATIOS = (
    Ratio("tiny", "JSON", "fastapi", "JSON", 5, 8),
    Ratio("tiny", "JSON", "kserve", "JSON", 15, 25),
    Ratio("tiny", "JSON", "mlserver", "JSON", 9, 15),
    Ratio("mnist", "JSON", "fastapi", "JSON", 6, 10),
    Ratio("mnist", "binary", "fastapi", "JSON", 10, 18),
)
# Share of our server's CPU a request that is `session.run` itself.
BARE_MODEL, BARE_FORM, BARE_MUST, BARE_AIM = "resnet50", "binary", 0.93, 0.97
# At most so much of ours, tiny: one connection's latencies in milliseconds, the start in seconds, megabytes.
P50_MUST, P50_AIM, P99_MUST, P99_AIM = 0.2, 0.15, 1.0, 0.5
START_MUST, START_AIM, PSS_MUST, PSS_AIM = 0.4, 0.25, 50.0, 40.0


@dataclass(frozen=True, slots=True)
class Row:
    """One target: what it is about, what was measured (None: nothing), both bounds, and how to print them.

    `most` tells that the bounds are upper ones.
    """

    what: str
    measured: float | None
    must: float
    aim: float
    unit: str
    most: bool = False

    @property
    def verdict(self) -> str:
        if self.measured is None:
            return "not measured"
        sign = -1 if self.most else 1
        if sign * self.measured >= sign * self.aim:
            return "aim reached"
        return "must reached" if sign * self.measured >= sign * self.must else "MISSED"


def ratio(loads: Loads, peer: tuple[str, str], ours: tuple[str, str]) -> float | None:
    """The median over the rounds of the peer's CPU a request over ours in the same round; None without both."""
    theirs, own = loads.stretches.get(peer), loads.stretches.get(ours)
    if not theirs or not own:
        return None
    return median(them.cpu / us.cpu for them, us in zip(theirs, own, strict=False))


def share_of_bare(loads: Loads, key: tuple[str, str]) -> float | None:
    """How much of a request's CPU is the model itself: the median over the rounds; None where it was not measured."""
    stretches = loads.stretches.get(key)
    if not stretches or not loads.bare:
        return None
    return median(bare / stretch.cpu for bare, stretch in zip(loads.bare, stretches, strict=False))


def rows(measured: dict[str, Loads], starts: dict[str, Start | str]) -> list[Row]:
    """Every target of the design that a run can speak about, in its order."""
    told = []
    for target in RATIOS:
        what = f"{target.model}: {target.peer} {target.theirs} over ours {target.ours}, CPU"
        loads = measured.get(target.model)
        got = ratio(loads, (target.peer, target.theirs), (OURS, target.ours)) if loads else None
        told.append(Row(what, got, target.must, target.aim, "×"))
    loads = measured.get(BARE_MODEL)
    share = share_of_bare(loads, (OURS, BARE_FORM)) if loads else None
    percent = None if share is None else share * 100
    what = f"{BARE_MODEL}, {BARE_FORM}: share of it that is session.run"
    told.append(Row(what, percent, BARE_MUST * 100, BARE_AIM * 100, "%"))
    stretches = measured["tiny"].stretches.get((OURS, "JSON")) if "tiny" in measured else None
    p50 = median(stretch.p50 for stretch in stretches) if stretches else None
    p99 = median(stretch.p99 for stretch in stretches) if stretches else None
    told.append(Row("tiny, JSON: p50 at one connection", p50, P50_MUST, P50_AIM, " ms", most=True))
    told.append(Row("tiny, JSON: p99 at one connection", p99, P99_MUST, P99_AIM, " ms", most=True))
    start = starts.get(OURS)
    first, pss = (start.first_answer, start.pss) if isinstance(start, Start) else (None, None)
    told.append(Row("tiny: cold start to first answer", first, START_MUST, START_AIM, " s", most=True))
    told.append(Row("tiny: memory (PSS)", pss, PSS_MUST, PSS_AIM, " MB", most=True))
    return told
