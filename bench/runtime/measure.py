"""The measurements: starts alone, and rounds of load in turn over all servers of a model."""

import json
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from bench.runtime import figures
from bench.runtime.catalogue import Peer
from bench.runtime.environments import Unavailable, project
from bench.runtime.models import Model, written
from bench.runtime.servers import Cores, Server, Stretch, load, speaks, started
from bench.runtime.wire import FORMS, request

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Start:
    """Medians in seconds to the first right answer and of CPU until then; PSS and anonymous megabytes after load."""

    first_answer: float
    cpu: float
    pss: float
    anonymous: float


@dataclass(frozen=True, slots=True)
class Loads:
    """A model's rounds by (peer's name, form), why there are none for others, and the bare run's microseconds."""

    model: Model
    stretches: dict[tuple[str, str], list[Stretch]] = field(default_factory=dict)
    missing: dict[tuple[str, str], str] = field(default_factory=dict)
    bare: list[float] = field(default_factory=list)


def bare(model: Model, seconds: float, core: int) -> tuple[float, list[float]]:
    """Microseconds of CPU of one `session.run`, and its answer: the reference for every server."""
    told = json.loads(project("bench.runtime.bare", str(written(model)), model.name, str(seconds), core=core))
    return told["microseconds"], told["y"]


def starts(
    peers: Sequence[Peer], model: Model, turns: int, seconds: float, on: Cores, say: Say
) -> dict[str, Start | str]:
    """Each peer started alone `turns` times, in turn; the last time it is loaded and its memory read."""
    _, reference = bare(model, 0.1, on.server)
    times: dict[str, list[tuple[float, float]]] = {peer.name: [] for peer in peers}
    told: dict[str, Start | str] = {}
    with tempfile.TemporaryDirectory() as folder:
        sent = Path(folder) / "request"
        sent.write_bytes(request(model, "JSON"))
        for turn in range(turns):
            for peer in peers:
                if peer.name in told:
                    continue  # it could not be started before
                say(f"start {turn + 1} of {turns}: {peer.title}")
                try:
                    with started(peer, model, reference, on.server) as server:
                        times[peer.name].append((server.first_answer, server.start_cpu))
                        if turn == turns - 1:
                            load(server, sent, seconds, on.client)
                            told[peer.name] = _start(times[peer.name], figures.tree(server.pid))
                except Unavailable as problem:
                    told[peer.name] = str(problem)
    return told


def _start(times: list[tuple[float, float]], pids: list[int]) -> Start:
    answers, cpus = [answer for answer, _ in times], [cpu for _, cpu in times]
    return Start(median(answers), median(cpus), figures.pss_megabytes(pids), figures.anonymous_megabytes(pids))


def loads(peers: Sequence[Peer], model: Model, rounds: int, seconds: float, on: Cores, say: Say) -> Loads:
    """Rounds of load over all peers and forms, forwards and backwards in turn; all of them run all the time.

    What an idle peer does meanwhile costs the others a little latency; CPU is counted for each tree alone.
    """
    _, reference = bare(model, 0.1, on.server)
    told = Loads(model)
    with ExitStack() as stack, tempfile.TemporaryDirectory() as folder:
        sent = {form: Path(folder) / form for form in FORMS}
        for form, path in sent.items():
            path.write_bytes(request(model, form))
        contenders: list[tuple[Server, str]] = []
        for peer in peers:
            say(f"{model.name}: {peer.title}")
            try:
                server = stack.enter_context(started(peer, model, reference, on.server))
            except Unavailable as problem:
                told.missing.update({(peer.name, form): str(problem) for form in FORMS})
                continue
            for form in FORMS:
                if reason := speaks(server, form, reference):
                    told.missing[peer.name, form] = reason
                else:
                    contenders.append((server, form))
        for turn in range(-1, rounds):  # round -1 warms, and is not counted
            say(f"{model.name}: " + (f"round {turn + 1} of {rounds}" if turn >= 0 else "warming"))
            _round(told, contenders[:: -1 if turn % 2 else 1], sent, turn, seconds, on)
    return told


def _round(
    told: Loads, contenders: list[tuple[Server, str]], sent: dict[str, Path], turn: int, seconds: float, on: Cores
) -> None:
    for server, form in contenders:
        key = server.peer.name, form
        if key in told.missing:
            continue  # it fell over in an earlier round
        try:
            stretch = load(server, sent[form], seconds if turn >= 0 else seconds / 4, on.client)
        except Unavailable as problem:
            told.missing[key] = f"fell over: {problem}"
            told.stretches.pop(key, None)
            continue
        if turn >= 0:
            told.stretches.setdefault(key, []).append(stretch)
    if turn >= 0:
        told.bare.append(bare(told.model, seconds / 2, on.server)[0])
