"""Golden requests to a real server that asks for API keys: the operator has none, and says so."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from modelway.decide.finding import State
from modelway.decide.golden import GoldenVerdict, Tolerance, judge_golden
from modelway.decide.golden_cases import parse_cases
from modelway.measure.bounded import new_session
from modelway.measure.golden import answers
from modelway.measure.scrape import Target, scrape
from modelway.measurement import Report
from tests.measure.test_measure import NOW
from tests.runtime import models
from tests.runtime.processes import Server, infer_body, running


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("golden") / "linear.onnx"
    path.write_bytes(models.linear())
    return path


def asked(server: Server) -> tuple[GoldenVerdict, Report]:
    """The verdict where this server is both revisions' pod, and what it reports of itself."""
    cases = parse_cases("digits-golden", {"one.json": infer_body([1.0, 2.0, 3.0, 4.0]).decode()})

    async def ask() -> tuple[GoldenVerdict, Report]:
        async with new_session() as session:
            found = await answers(session, server.url(""), server.name, cases.cases)
            (report,) = await scrape(session, [Target("digits-x", "u", "127.0.0.1", server.port)], lambda: NOW)
        assert isinstance(report, Report), report
        return judge_golden(cases, Tolerance(), found, found), report

    return asyncio.run(ask())


def test_without_keys_it_is_answered(model: Path) -> None:
    with running(model) as server:
        verdict, _ = asked(server)
    assert (verdict.state, verdict.sentence) == (State.PASSED, "1 golden requests were answered as expected.")


def test_with_keys_the_gate_says_what_to_do_and_the_signature_is_still_told(model: Path, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text("a key\n")
    with running(model, MODELSERVER_API_KEYS_FILE=str(keys)) as server:
        verdict, report = asked(server)
    assert verdict.state is State.INCONCLUSIVE
    assert verdict.sentence == (
        "case 'one': the candidate answers 401: There is no API key in the request. Send the header"
        " 'Authorization: Bearer KEY'. Modelway reads no Secrets and sends golden requests without a key: let its pods"
        " ask the model's pods without one, or remove spec.rollout.gates.golden."
    )
    assert report.signature is not None
