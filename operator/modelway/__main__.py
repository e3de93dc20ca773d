"""``modelway-operator``, also ``python -m modelway``: settings, logs, the process. Exits 2 if a person must mend it."""

from __future__ import annotations

import asyncio
import gc
import os
import sys

from modelway import logs, settings


def main() -> None:
    try:
        configured = settings.load(sys.argv[1:], os.environ)
    except settings.BadSetting as error:
        sys.exit(_complain(str(error)))
    logs.configure(configured.log_format, configured.log_level)
    gc.set_threshold(10_000, 10, 10)  # JSON makes garbage without cycles; at 700, collections are 5% of the CPU

    from modelway.cluster.credentials import NoCredentials  # after the settings, whose errors should not wait 0.4 s
    from modelway.process import loop_factory, serve

    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(serve(configured))
    except NoCredentials as error:
        sys.exit(_complain(str(error)))


def _complain(message: str) -> int:
    print(f"modelway-operator: {message}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    main()
