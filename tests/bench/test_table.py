"""Ratios, verdicts and the printed tables."""

import pytest

from bench.runtime.__main__ import arguments
from bench.runtime.catalogue import OURS, PEERS
from bench.runtime.measure import Loads, Start
from bench.runtime.models import MODELS
from bench.runtime.servers import Stretch
from bench.runtime.table import load_lines, start_lines, target_lines
from bench.runtime.targets import Row, ratio, rows, share_of_bare


def rounds(*cpu: float) -> list[Stretch]:
    return [Stretch(one, 0.1, 0.4, 9000) for one in cpu]


TINY = Loads(
    MODELS["tiny"],
    {(OURS, "JSON"): rounds(10, 20, 10), ("fastapi", "JSON"): rounds(60, 120, 90)},
    {("kserve", "JSON"): "not installed: no such version"},
    [1, 1, 1],
)


def test_a_ratio_is_the_median_of_the_rounds_own_ratios() -> None:
    assert ratio(TINY, ("fastapi", "JSON"), (OURS, "JSON")) == 6
    assert ratio(TINY, ("kserve", "JSON"), (OURS, "JSON")) is None


def test_the_share_of_the_bare_run() -> None:
    assert share_of_bare(TINY, (OURS, "JSON")) == pytest.approx(0.1)
    assert share_of_bare(TINY, (OURS, "binary")) is None


@pytest.mark.parametrize(
    ("measured", "most", "verdict"),
    [
        (8.0, False, "aim reached"),
        (5.0, False, "must reached"),
        (4.9, False, "MISSED"),
        (5.1, True, "must reached"),
        (None, False, "not measured"),
    ],
)
def test_verdicts(measured: float | None, most: bool, verdict: str) -> None:
    must, aim = (8, 5) if most else (5, 8)
    assert Row("CPU", measured, must, aim, "×", most).verdict == verdict


def test_every_peer_has_a_row_in_both_forms_measured_or_with_its_reason() -> None:
    lines = load_lines(TINY, [PEERS[OURS], PEERS["fastapi"], PEERS["kserve"]])
    (json_row, binary_row) = (line for line in lines if PEERS["fastapi"].title in line)
    assert "6.0×" in json_row
    assert "5/8×" in json_row
    assert "not measured" in binary_row
    assert any("KServe" in line and "no such version" in line for line in lines)
    assert any("session.run alone" in line and "1.0" in line for line in lines)


def test_starts_tell_seconds_and_megabytes_or_the_reason() -> None:
    told = start_lines({OURS: Start(0.2, 0.19, 39.3, 30), "flask": "ended with 1"}, [PEERS[OURS], PEERS["flask"]])
    assert "0.200" in told[1]
    assert "39.3" in told[1]
    assert "ended with 1" in told[2]


def test_every_target_is_shown_also_when_nothing_was_measured() -> None:
    shown = target_lines(rows({}, {}))
    assert len(shown) == 11
    assert all("not measured" in line for line in shown[1:])
    assert any("≥ 15×" in line and "≥ 25×" in line for line in shown)


def test_targets_take_what_was_measured() -> None:
    told = {row.what: row for row in rows({"tiny": TINY}, {OURS: Start(0.2, 0.19, 45, 30)})}
    assert told["tiny: fastapi JSON over ours JSON, CPU"].verdict == "must reached"
    assert told["tiny: memory (PSS)"].verdict == "must reached"
    assert told["tiny: cold start to first answer"].verdict == "aim reached"


def test_the_command_line_refuses_names_that_do_not_exist(capsys: pytest.CaptureFixture[str]) -> None:
    assert arguments(["--peers", "flask,kserve", "--models", "tiny"]).peers == ["flask", "kserve"]
    with pytest.raises(SystemExit):
        arguments(["--peers", "falsk"])
    assert "--peers has no 'falsk'; there are fastapi," in capsys.readouterr().err
