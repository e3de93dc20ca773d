"""What the bench sends and how it judges what comes back."""

import gzip
import json
import struct

import pytest

from bench.runtime.client import percentile, whole
from bench.runtime.models import MODELS
from bench.runtime.wire import WrongAnswer, check, header, output, request

TINY = MODELS["tiny"]
RIGHT = [0.5, -1.0, 2.0]
OUTPUT = {"name": "y", "datatype": "FP32", "shape": [1, 3]}
PLAIN = b"HTTP/1.1 200 OK\r\nContent-Type: application/json"


def answered(values: list[float], **changed: object) -> bytes:
    return json.dumps({"id": "42", "outputs": [{**OUTPUT, "data": values, **changed}]}).encode()


def binary(values: list[float], size: int) -> tuple[bytes, bytes]:
    document = json.dumps({"id": "42", "outputs": [{**OUTPUT, "parameters": {"binary_data_size": size}}]}).encode()
    head = PLAIN + f"\r\ninference-header-content-length: {len(document)}".encode()
    return head, document + struct.pack(f"<{len(values)}f", *values)


def test_a_binary_request_holds_the_numbers_after_the_json() -> None:
    head, _, body = request(TINY, "binary").partition(b"\r\n\r\n")
    length = int(header(head, "Inference-Header-Content-Length") or 0)
    asked = json.loads(body[:length])
    assert asked["parameters"] == {"binary_data_output": True}
    assert asked["inputs"][0]["parameters"] == {"binary_data_size": 16}
    assert struct.unpack("<4f", body[length:]) == pytest.approx(TINY.values())
    assert int(header(head, "Content-Length") or 0) == len(body)


def test_a_json_request_holds_the_same_numbers() -> None:
    asked = json.loads(request(TINY, "JSON").partition(b"\r\n\r\n")[2])
    assert asked["inputs"][0]["data"] == TINY.values()


def test_right_answers_pass_in_every_form() -> None:
    check(PLAIN, answered(RIGHT), "JSON", TINY, RIGHT)
    check(PLAIN + b"\r\nContent-Encoding: gzip", gzip.compress(answered(RIGHT)), "JSON", TINY, RIGHT)
    check(*binary(RIGHT, 12), "binary", TINY, RIGHT)


@pytest.mark.parametrize(
    ("why", "body"),
    [
        ("another number", answered([0.5, -1.0, 2.1])),
        ("too few numbers", answered([0.5, -1.0])),
        ("another name", answered(RIGHT, name="z")),
        ("another shape", answered(RIGHT, shape=[3])),
        ("no JSON", b"hello"),
        ("no outputs", b'{"id": "42"}'),
    ],
)
def test_wrong_answers_are_refused(why: str, body: bytes) -> None:
    with pytest.raises(WrongAnswer):
        check(PLAIN, body, "JSON", TINY, RIGHT)


def test_json_is_no_answer_to_a_binary_request() -> None:
    with pytest.raises(WrongAnswer, match="no Inference-Header-Content-Length"):
        output(PLAIN, answered(RIGHT), "binary")


def test_a_binary_size_that_lies_is_refused() -> None:
    with pytest.raises(WrongAnswer, match="binary_data_size is 16, but 12 bytes follow"):
        output(*binary(RIGHT, 16), "binary")


def test_a_body_is_whole_by_its_length_or_by_its_last_chunk() -> None:
    assert whole(b"head1234", 4, 4) == b"1234"
    assert whole(b"head123", 4, 4) is None
    chunked = b"head3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"
    assert whole(chunked, 4, None) == b"abcde"
    assert all(whole(chunked[:cut], 4, None) is None for cut in range(4, len(chunked)))


def test_percentiles_are_nearest_ranks() -> None:
    hundred = [float(n) for n in range(1, 101)]
    assert (percentile(hundred, 50), percentile(hundred, 99)) == (50, 99)
    assert (percentile([7.0], 50), percentile([7.0], 99)) == (7, 7)
