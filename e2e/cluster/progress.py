"""Progress lines for a person who waits: what is being done, and how long the command has been running."""

from __future__ import annotations

import sys
import time

_started = time.monotonic()


def say(sentence: str) -> None:
    """Print one line to standard error, so that `env` and `kubectl` keep standard output for their answers."""
    print(f"[{time.monotonic() - _started:6.1f}s] {sentence}", file=sys.stderr, flush=True)
