"""What `session.run` alone costs: the same model and input, no server. `python -m bench.runtime.bare PATH MODEL`."""

import json
import sys
import time
from pathlib import Path

from bench.runtime.models import WIDTHS
from modelserver.session import load
from modelserver.threads import available

RUNS = 20_000


def main() -> None:
    import numpy as np

    path, model = Path(sys.argv[1]), sys.argv[2]
    session = load(path, available(), None)
    inputs = {"x": np.zeros((1, WIDTHS[model][0]), np.float32)}
    for _ in range(1000):
        session.run(inputs, None)
    began = time.process_time()
    for _ in range(RUNS):
        session.run(inputs, None)
    print(json.dumps({"microseconds": (time.process_time() - began) / RUNS * 1e6}))


if __name__ == "__main__":
    main()
