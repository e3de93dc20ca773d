"""``kubectl_complete-modelway``: what kubectl's own completion asks a plugin that it found (kubectl 1.26 and later).

kubectl calls it with the words typed so far, the last one incomplete, and reads a candidate a line and, last, a colon
with a directive of cobra's (github.com/spf13/cobra, ``ShellCompDirective``). Typer's completion is asked through the
variables by which bash asks it.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout, suppress
from typing import Final

from modelway.cli.app import app

NO_FILES: Final = ":4"  # cobra's ShellCompDirectiveNoFileComp: do not offer files beside
FILES: Final = ":0"
_FILE_OPTIONS: Final = frozenset({"-f", "--filename", "--kubeconfig"})


def main() -> None:
    """Prints what the last word may become."""
    words = sys.argv[1:] or [""]
    os.environ |= asked(words)
    told = io.StringIO()
    with suppress(SystemExit), redirect_stdout(told):  # typer ends a completion with an exit
        app(prog_name="modelway")
    print("\n".join([*told.getvalue().split(), directive(words)]))


def asked(words: Sequence[str]) -> dict[str, str]:
    """The variables with which bash asks for completions."""
    line = ["modelway", *words]
    return {"_MODELWAY_COMPLETE": "complete_bash", "COMP_WORDS": " ".join(line), "COMP_CWORD": str(len(line) - 1)}


def directive(words: Sequence[str]) -> str:
    """Whether files are offered: only where the option before takes one."""
    return FILES if len(words) > 1 and words[-2] in _FILE_OPTIONS else NO_FILES
