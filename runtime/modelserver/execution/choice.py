"""Inline, worker thread or batching: a plain function of what was asked for and what the start-up probe found."""

from dataclasses import dataclass
from enum import StrEnum

from modelserver.execution.proof import Proof

INLINE_BELOW_SECONDS = 0.0005  # longer, and a hand-over is less than the tenth that a worker thread brings under load
# Waking a thread and coming back from it, for one of a few requests that run together: what a request must save by
# running in a batch before batching is worth anything. An estimate, on the careful side; not tuned by measurement.
HANDOVER_SECONDS = 0.00005
WORTHWHILE = 0.1  # share of a run's time; less is not worth that neighbours wait for each other
# Of a run that a thread does anyway and that is soon over, a batch need not save by itself: beside other work it still
# takes a twelfth less CPU than runs one by one (bench.quota), because weights come into the caches once for all.
SOON_SECONDS = 0.005
NO_LOSS = 1.25  # a row in a batch to a row alone; as much as the trial is wrong by where a quota throttles it


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
        brief = run_seconds is not None and INLINE_BELOW_SECONDS <= run_seconds < SOON_SECONDS
        if brief and proof.row_seconds <= NO_LOSS * proof.single_seconds:
            return Choice(Mode.BATCHING, "runs are short, and batches lose nothing")
    why = proof.why if not proof.independent else "batches would not pay"
    if execution == "thread":
        return Choice(Mode.THREAD, f"as MODELSERVER_EXECUTION says; {why}")
    short = run_seconds is not None and run_seconds < INLINE_BELOW_SECONDS
    return Choice(Mode.INLINE if short else Mode.THREAD, why)
