"""Why a rollout is where it is, and what comes next: two sentences for people who watch it."""

from __future__ import annotations

from modelway.cli.seen import Seen
from modelway.decide.gateway import CONDITION

from .routes import unconfirmed
from .steps import steps


def waits(seen: Seen) -> str:
    """What is waited for; empty if nothing is."""
    if not seen.status:
        return "The operator has not looked at it yet. Is it running?"
    if not seen.current:
        return "The operator has not looked at the latest change yet."
    stalled = seen.condition("Stalled")
    if stalled:
        return str(stalled.get("message"))
    if seen.rollout.get("held"):
        return f"A person has to decide. {_sentence(str(seen.rollout['held']))}"
    now = next((step for step in steps(seen) if step.state == "now"), None)
    evidence = seen.rollout.get("evidence") or ()
    open_checks = [str(each.get("message", "")) for each in evidence if each.get("state") == "Inconclusive"]
    if now and now.ends_at:
        return " ".join([f"Step {now.number} lasts until {now.ends_at}.", *map(_sentence, open_checks)])
    if now and "person" in now.what:
        return "A person has to promote it."
    if now:
        routed = " and every gateway has confirmed its routes" if seen.gateway else ""
        over = f"Step {now.number} is over as soon as every pod that it concerns is ready and knows of it{routed}."
        return " ".join(filter(None, [over, gateways(seen)]))
    progressing = seen.condition("Progressing")
    if progressing.get("status") == "True" or seen.status.get("phase") in ("Paused", "Pending", "Degraded"):
        return str(progressing.get("message") or seen.rollout.get("message", ""))
    return ""


def gateways(seen: Seen) -> str:
    """What the gateways have not confirmed: by the routes or, where those can't be read, by what Modelway says."""
    accepted = seen.condition(CONDITION)
    told = "" if accepted.get("status", "True") == "True" else str(accepted.get("message"))
    return unconfirmed(seen) or told


def next_up(seen: Seen) -> str:
    """What comes next; empty if nothing does."""
    if seen.condition("Stalled"):
        return "Nothing by itself."
    if not seen.status.get("candidate") or not seen.current:
        return ""
    if (seen.spec.get("rollout") or {}).get("paused"):
        return "Nothing until spec.rollout.paused is false."
    way = steps(seen)
    coming = next((step for step in way if step.state == "next"), None)
    if coming is None:
        return "The candidate takes over as soon as enough of its pods are ready."
    return f"Step {coming.number} of {len(way)}: {coming.what}."


def _sentence(text: str) -> str:
    return text if text.endswith(".") else f"{text}."
