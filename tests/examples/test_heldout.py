"""The held-out digits: always the same ones, drawn and asked about the same way everywhere."""

import hashlib
import json

import numpy as np

from examples.digits.heldout import held_out, picture, request, training_set


def test_the_split_never_changes() -> None:
    pixels, labels = held_out()
    digest = hashlib.sha256(pixels.astype("<f4").tobytes() + labels.astype("<i8").tobytes()).hexdigest()
    assert digest == "d3e1177d3c283e3419c55ccc17097b7dafdc51e4d58b314ffdad4d500c4b62cb"


def test_held_out_digits_are_raw_pixels_and_labels() -> None:
    pixels, labels = held_out()
    assert pixels.shape == (400, 64) and pixels.dtype == np.float32
    assert labels.shape == (400,) and labels.dtype == np.int64
    assert (pixels.min(), pixels.max()) == (0, 16)


def test_every_digit_is_held_out_often_enough_to_be_measured() -> None:
    assert np.bincount(held_out()[1], minlength=10).min() >= 30


def test_no_held_out_picture_was_trained_on() -> None:
    seen = {row.tobytes() for row in training_set()[0]}
    assert len(seen) == 1397
    assert not [row for row in held_out()[0] if row.tobytes() in seen]


def test_a_picture_is_eight_lines_with_the_ink_where_the_pixels_are() -> None:
    pixels = np.zeros(64, dtype=np.float32)
    pixels[0], pixels[9], pixels[63] = 16, 8, 4
    lines = picture(pixels).split("\n")
    assert [len(line) for line in lines] == [16] * 8
    assert lines[0] == "██" + " " * 14
    assert lines[1] == "  ▒▒" + " " * 12
    assert lines[7] == " " * 14 + "░░"


def test_a_request_names_its_tensor_and_carries_the_pixels_row_by_row() -> None:
    pixels = held_out()[0][:2]
    body = json.loads(json.dumps(request(pixels)))
    assert body == {"inputs": [{"name": "x", "shape": [2, 64], "datatype": "FP32", "data": pixels.ravel().tolist()}]}


def test_one_digit_is_a_batch_of_one() -> None:
    assert request(held_out()[0][0])["inputs"][0]["shape"] == [1, 64]
