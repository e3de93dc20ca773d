"""In a terminal: colours where it has them, nothing drawn twice, everything readable without."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from modelway.cli.show import Output, Screen, coloured, encoded
from modelway.cli.view.branch import Branch, Tone
from modelway.cli.view.picture import PodLine

ONE = Branch("digits: Ready", Tone.GOOD, (Branch("step 1 of 2"),))
TWO = Branch("digits: Ready", Tone.GOOD, (Branch("step 2 of 2"),))


def terminal(**how: object) -> tuple[io.StringIO, Console]:
    file = io.StringIO()
    return file, Console(file=file, force_terminal=True, width=80, highlight=False, **how)  # type: ignore[arg-type]


def test_the_same_tree_is_not_drawn_again() -> None:
    file, console = terminal(color_system="truecolor")
    with Screen(console) as screen:
        screen.show(ONE)
        drawn = file.getvalue()
        for _ in range(10):
            screen.show(Branch("digits: Ready", Tone.GOOD, (Branch("step 1 of 2"),)))
        assert file.getvalue() == drawn
        screen.show(TWO)
        assert "step 2 of 2" in file.getvalue().removeprefix(drawn)


def test_a_terminal_without_colour_gets_none() -> None:
    file, console = terminal(no_color=True)
    with Screen(console) as screen:
        screen.show(ONE)
    assert "\x1b[32m" not in file.getvalue() and "\x1b[1;32m" not in file.getvalue()
    assert "digits: Ready" in file.getvalue()


def test_a_pipe_gets_each_tree_once_as_plain_text() -> None:
    file = io.StringIO()
    with Screen(Console(file=file, width=20)) as screen:
        for branch in (ONE, ONE, TWO):
            screen.show(branch)
    assert file.getvalue() == "digits: Ready\n└── step 1 of 2\n\ndigits: Ready\n└── step 2 of 2\n\n"


def test_long_lines_are_whole_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    line = "+ spec.model.uri: " + "x" * 300
    coloured([line])
    assert capsys.readouterr().out == line + "\n"


def test_programs_get_camel_case() -> None:
    pod = PodLine("p", True, "ready", "node-1", 0)
    assert '"restarts": 0' in encoded(pod, Output.JSON)
    assert encoded({"last_action": ("é",)}, Output.YAML) == "lastAction:\n- é\n"
