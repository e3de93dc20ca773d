"""What `session.run` alone costs, with no server: the limit that no server can pass.

`python -m bench.runtime.bare PATH MODEL SECONDS` prints, as JSON, the microseconds of CPU a run and the answer `y`.
"""

import json
import os
import sys
import time


def main() -> None:
    import numpy as np
    import onnxruntime

    from bench.runtime.models import MODELS

    path, model, seconds = sys.argv[1], MODELS[sys.argv[2]], float(sys.argv[3])
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = len(os.sched_getaffinity(0))
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    feed = {"x": np.array(model.values(), np.float32).reshape(1, *model.shape)}
    for _ in range(3):
        (y,) = session.run(None, feed)
    runs, until = 0, time.perf_counter() + seconds
    began = time.process_time()
    while time.perf_counter() < until or not runs:
        session.run(None, feed)
        runs += 1
    print(json.dumps({"microseconds": (time.process_time() - began) / runs * 1e6, "y": y.ravel().tolist()}))


if __name__ == "__main__":
    main()
