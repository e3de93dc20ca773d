"""``modelway``, also ``kubectl-modelway`` and ``python -m modelway.cli``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from modelway.cli.app import app

PLUGIN: Final = "kubectl-modelway"


def main() -> None:
    """Speaks of itself as it was called: as a plugin of kubectl, or by its own name."""
    called = Path(sys.argv[0]).name
    app(prog_name="kubectl modelway" if called == PLUGIN else "modelway")


if __name__ == "__main__":
    main()
