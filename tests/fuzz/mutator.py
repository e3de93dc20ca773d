"""Mutations without knowledge of coverage: for machines that can't have atheris, and for the short runs of pytest."""

from collections.abc import Callable, Sequence
from random import Random

from tests.fuzz.seeds import WORDS

LONGEST = 8192
NUMBERS = (b"0", b"1", b"-1", b"65536", b"2147483648", b"9223372036854775807", b"1e400", b"0.1")

Mutation = Callable[[Random, bytearray], None]


def _flip(random: Random, data: bytearray) -> None:
    data[random.randrange(len(data))] ^= 1 << random.randrange(8)


def _byte(random: Random, data: bytearray) -> None:
    data[random.randrange(len(data))] = random.choice((0, 10, 13, 34, 44, 58, 91, 127, 128, 255, random.randrange(256)))


def _delete(random: Random, data: bytearray) -> None:
    begin = random.randrange(len(data))
    del data[begin : begin + random.choice((1, 2, 4, 16, 200))]


def _repeat(random: Random, data: bytearray) -> None:
    begin = random.randrange(len(data))
    part = bytes(data[begin : begin + random.choice((1, 2, 8, 64))])
    data[begin:begin] = part * random.choice((1, 2, 9, 130))


def _word(random: Random, data: bytearray) -> None:
    begin = random.randrange(len(data))
    data[begin : begin + random.choice((0, 0, 1, 4))] = random.choice(WORDS)


def _number(random: Random, data: bytearray) -> None:
    digits = [position for position, byte in enumerate(data) if 48 <= byte <= 57]
    if digits:
        begin = random.choice(digits)
        data[begin : begin + 1] = random.choice(NUMBERS)


MUTATIONS: Sequence[Mutation] = (_flip, _byte, _delete, _repeat, _word, _word, _number, _number)


def mutated(random: Random, seeds: Sequence[bytes]) -> bytes:
    """One of the seeds, changed in one to six places, now and then with the end of another."""
    data = bytearray(random.choice(seeds))
    if random.random() < 0.1:
        other = random.choice(seeds)
        data[random.randrange(len(data) + 1) :] = other[random.randrange(len(other) + 1) :]
    for _ in range(random.randint(1, 6)):
        if data:
            random.choice(MUTATIONS)(random, data)
    return bytes(data[:LONGEST])
