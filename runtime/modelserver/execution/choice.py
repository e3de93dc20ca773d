"""Inline, worker thread or batching: a plain function of what was asked for and what the start-up probe found."""

from dataclasses import dataclass
from enum import StrEnum

from modelserver.execution.proof import Proof

INLINE_BELOW_SECONDS = 0.001  # longer, and the event loop would keep other connections waiting
# Waking a thread and coming back from it, for one of a few requests that run together: what a request must save by
# running in a batch before batching is worth anything. An estimate, on the careful side; not tuned by measurement.
HANDOVER_SECONDS = 0.00005
# Share of a run's time. Of long runs, tried once or twice, the trial errs by more than a tenth where four others want
# each core (ResNet-50: 0.9 to 1.5 of a single row's time, in truth 1.0); those that gain, gain much: weights read once.
WORTHWHILE = 0.2
# A run in these bounds need not be seen to save that much: one by one it took a tenth more CPU beside other work than
# in batches (bench.quota), because weights come into the caches once for all; the trial tells a tenth not surely.
BRIEF_FROM_SECONDS, BRIEF_BELOW_SECONDS = 0.0005, 0.005
CLEAR_LOSS = 1.5  # a row in a batch to a row alone; what gains 0.8 was told as up to 1.3, with threads that spin


class Mode(StrEnum):
    """Where the model runs."""

    INLINE = "inline"
    THREAD = "thread"
    BATCHING = "batching"


@dataclass(frozen=True, slots=True)
class Choice:
    """A mode and why, as the end of a sentence."""

    mode: Mode
    why: str


def choose(execution: str, batching: str, run_seconds: float | None, proof: Proof) -> Choice:
    """`execution` is auto, inline or thread, `batching` auto, on or off; `run_seconds` None where it is not known.

    A model that is not proven independent of its batch mates is never batched, whatever was asked for.
    """
    if execution == "inline":
        return Choice(Mode.INLINE, "as MODELSERVER_EXECUTION says")
    if batching == "on" and proof.independent:
        return Choice(Mode.BATCHING, "as MODELSERVER_BATCHING says")
    if batching == "auto" and proof.independent:
        saved = proof.single_seconds - proof.row_seconds
        if saved > max(HANDOVER_SECONDS, WORTHWHILE * proof.single_seconds):
            return Choice(Mode.BATCHING, f"{saved * 1e6:.0f} µs of {proof.single_seconds * 1e6:.0f} saved a row")
        brief = run_seconds is not None and BRIEF_FROM_SECONDS <= run_seconds < BRIEF_BELOW_SECONDS
        if brief and proof.row_seconds < CLEAR_LOSS * proof.single_seconds:
            return Choice(Mode.BATCHING, "runs are short, and batches lose nothing to speak of")
    why = proof.why if not proof.independent else "batches would not pay"
    if execution == "thread":
        return Choice(Mode.THREAD, f"as MODELSERVER_EXECUTION says; {why}")
    short = run_seconds is not None and run_seconds < INLINE_BELOW_SECONDS
    return Choice(Mode.INLINE if short else Mode.THREAD, why)
