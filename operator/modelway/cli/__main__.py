"""``modelway``, also ``kubectl-modelway`` and ``python -m modelway.cli``."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import Final

from modelway.cli.app import app

PLUGIN: Final = "kubectl-modelway"
PIPE_CLOSED: Final = 141  # what a shell says of a program that SIGPIPE ended


def main() -> None:
    """Speaks of itself as it was called: as a plugin of kubectl, or by its own name."""
    called = Path(sys.argv[0]).name
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without UTF-8 gets question marks, and no traceback
    try:
        try:
            app(prog_name="kubectl modelway" if called == PLUGIN else "modelway")
        finally:
            sys.stdout.flush()
    except BrokenPipeError:  # `| head -1`: nobody reads on, and nobody wants to hear of it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(PIPE_CLOSED)


if __name__ == "__main__":
    main()
