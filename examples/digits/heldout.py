"""The digits that the models never saw in training: which ones, how one looks, and the request that asks about it.

Shared by the training script, the demo and the tests, so that all of them speak of the same 400 pictures.
Needs scikit-learn only; the 1,797 pictures (8×8, grey, 0 = paper … 16 = ink) come inside it.

    python examples/digits/heldout.py 7              # draws held-out digit number 7
    python examples/digits/heldout.py 7 --request    # prints the JSON body that asks a server about it
"""

import argparse
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

HELD_OUT = 400
SHADES = " ░▒▓█"

Pixels = NDArray[np.float32]
Labels = NDArray[np.int64]


def held_out() -> tuple[Pixels, Labels]:
    """The test set: pixels float32 [400, 64] in 0…16, labels int64 [400] in 0…9."""
    return _pick(_shuffled()[:HELD_OUT])


def training_set() -> tuple[Pixels, Labels]:
    """Everything else: pixels float32 [1397, 64] in 0…16, labels int64 [1397] in 0…9."""
    return _pick(_shuffled()[HELD_OUT:])


def request(pixels: Pixels) -> dict[str, Any]:
    """The body of an Open Inference Protocol request for pixels float32 [n, 64], or [64] for one digit."""
    batch = np.atleast_2d(pixels)
    data = [float(value) for value in batch.ravel()]
    return {"inputs": [{"name": "x", "shape": list(batch.shape), "datatype": "FP32", "data": data}]}


def picture(pixels: Pixels) -> str:
    """One digit, float32 [64], as eight lines of sixteen shades; without colours, so it survives in a log."""
    rows = np.asarray(pixels).reshape(8, 8)
    levels = np.clip(np.rint(rows / 16 * (len(SHADES) - 1)), 0, len(SHADES) - 1).astype(int)
    # Twice each: a character of a terminal is about twice as high as it is wide.
    return "\n".join("".join(SHADES[level] * 2 for level in row) for row in levels)


def _shuffled() -> NDArray[np.int64]:
    # RandomState, not default_rng: NumPy promises that this stream of numbers never changes. A stride will not do
    # in place of it: the digits come in runs of 0 1 2 … 9, and every fifth one would be a 0 or a 5.
    return np.random.RandomState(0).permutation(1797)


def _pick(order: NDArray[np.int64]) -> tuple[Pixels, Labels]:
    pixels, labels = load_digits(return_X_y=True)
    return pixels[order].astype(np.float32), labels[order].astype(np.int64)


def main() -> None:
    parser = argparse.ArgumentParser(description="Draw a held-out digit, or print the request that asks about it.")
    parser.add_argument("number", type=int, help=f"which one, 0 to {HELD_OUT - 1}")
    parser.add_argument("--request", action="store_true", help="print the JSON body of the request instead")
    arguments = parser.parse_args()
    if not 0 <= arguments.number < HELD_OUT:
        parser.error(f"there are {HELD_OUT} held-out digits, numbered from 0")
    pixels, labels = held_out()
    digit = pixels[arguments.number]
    print(json.dumps(request(digit)) if arguments.request else f"{picture(digit)}\nlabel: {labels[arguments.number]}")


if __name__ == "__main__":
    main()
