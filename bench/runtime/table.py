"""The run's figures as lines of text. Pure."""

from collections.abc import Sequence
from statistics import median

from bench.runtime.catalogue import OURS, Peer
from bench.runtime.measure import Loads, Start
from bench.runtime.targets import RATIOS, Row, ratio, share_of_bare
from bench.runtime.wire import FORMS


def load_lines(loads: Loads, peers: Sequence[Peer]) -> list[str]:
    """A table for each form: every peer has a row, measured or with the reason why not."""
    lines: list[str] = []
    for form in FORMS:
        if lines:
            lines.append("")
        lines.append(f"{loads.model.name}, v2 {form} ({loads.model.what})")
        named = f"{'CPU µs/req':>11}{'over ours':>11}{'must/aim':>10}{'run':>6}{'p50 ms':>9}{'p99 ms':>9}{'req/s':>8}"
        lines.append(f"  {'server':<33}{named}")
        lines += [_load_line(loads, peer, form) for peer in peers]
    if loads.bare:
        lines.append(f"  {'(session.run alone, no server)':<33}{median(loads.bare):>11.1f}")
    return lines


def _load_line(loads: Loads, peer: Peer, form: str) -> str:
    stretches = loads.stretches.get((peer.name, form))
    if not stretches:
        reason = loads.missing.get((peer.name, form), "not measured")
        return f"  {peer.title:<33}  {reason}" + (f" ({peer.remark})" if peer.remark else "")
    over = ratio(loads, (peer.name, form), (OURS, form))
    share = share_of_bare(loads, (peer.name, form))
    cells = (
        f"{median(stretch.cpu for stretch in stretches):>11.1f}",
        f"{over:>10.1f}×" if over is not None and peer.name != OURS else " " * 11,
        f"{_bounds(loads.model.name, peer.name, form):>10}",
        f"{share:>6.0%}" if share is not None else " " * 6,
        f"{median(stretch.p50 for stretch in stretches):>9.3f}",
        f"{median(stretch.p99 for stretch in stretches):>9.3f}",
        f"{median(stretch.per_second for stretch in stretches):>8.0f}",
    )
    return f"  {peer.title:<33}{''.join(cells)}  {peer.remark}".rstrip()


def _bounds(model: str, peer: str, form: str) -> str:
    for target in RATIOS:
        if (target.model, target.peer, target.theirs, target.ours) == (model, peer, form, form):
            return f"{target.must:g}/{target.aim:g}×"
    return ""


def start_lines(starts: dict[str, Start | str], peers: Sequence[Peer]) -> list[str]:
    """The table of starts and memory: every peer has a row."""
    lines = [f"tiny, alone\n  {'server':<33}{'first answer s':>15}{'CPU s':>8}{'PSS MB':>9}{'anonymous MB':>14}"]
    for peer in peers:
        told = starts.get(peer.name, "not measured")
        if isinstance(told, str):
            lines.append(f"  {peer.title:<33}  {told}")
        else:
            figures = f"{told.first_answer:>15.3f}{told.cpu:>8.3f}{told.pss:>9.1f}{told.anonymous:>14.1f}"
            lines.append(f"  {peer.title:<33}{figures}")
    return lines


def target_lines(rows: Sequence[Row]) -> list[str]:
    """The design's targets: measured, must, aim and the verdict."""
    lines = [f"targets\n  {'':<52}{'measured':>11}{'must':>11}{'aim':>11}"]
    for row in rows:
        measured = "–" if row.measured is None else f"{row.measured:.3g}{row.unit}"
        bound = "≤ " if row.most else "≥ "
        must, aim = f"{bound}{row.must:g}{row.unit}", f"{bound}{row.aim:g}{row.unit}"
        lines.append(f"  {row.what:<52}{measured:>11}{must:>11}{aim:>11}  {row.verdict}")
    return lines
