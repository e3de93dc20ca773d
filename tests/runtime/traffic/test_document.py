"""What the operator may write into the traffic document, and what it is told to do better."""

import json
from typing import Any

import pytest

from modelserver.traffic.document import Address, BadDocument, Candidate, Document, Pin, Shadowing, parse

TO = {"revision": "81ab", "http": "http://digits-81ab.default.svc:8080", "grpc": "digits-81ab.default.svc:9000"}
FULL: dict[str, Any] = {
    "generation": 7,
    "digests": {"6f9c": "sha256:00"},
    "stable": "6f9c",
    "candidate": TO,
    "weight": 12.5,
    "headers": [{"name": "X-Model", "value": "candidate"}],
    "sticky": {"header": "X-User-Id"},
    "shadow": {"percent": 100, "absoluteTolerance": 1e-5, "relativeTolerance": 0},
    "fromTheFuture": {"anything": 1},
}


def told(**parts: Any) -> bytes:
    return json.dumps({"generation": 1, **parts}).encode()


def test_a_whole_document_and_unknown_keys() -> None:
    there = Candidate("81ab", Address("digits-81ab.default.svc", 8080), Address("digits-81ab.default.svc", 9000))
    assert parse(json.dumps(FULL).encode()) == Document(
        generation=7,
        digests={"6f9c": "sha256:00"},
        stable="6f9c",
        candidate=there,
        weight=1250,
        pins=(Pin(b"x-model", b"candidate"),),
        sticky=b"x-user-id",
        shadow=Shadowing(10_000, 1e-5, 0.0),
    )


def test_what_the_operator_writes_without_a_rollout() -> None:
    assert parse(b'{"generation": 3, "digests": {}}') == Document(3)
    assert parse(told(candidate=None, sticky=None, shadow=None, headers=None)) == Document(1)


@pytest.mark.parametrize(("percent", "share"), [(0, 0), (100, 10_000), (0.5, 50), (33.333, 3333), (0.001, 1)])
def test_percent_become_hundredths_and_something_stays_something(percent: float, share: int) -> None:
    assert parse(told(weight=percent)).weight == share


@pytest.mark.parametrize("url", ["http://10.0.0.1:80", "http://[fd00::1]:8080/", "http://a-b.c:1"])
def test_addresses(url: str) -> None:
    found = parse(told(candidate={"revision": "r", "http": url})).candidate
    assert found is not None and f"http://{found.http}" == url.rstrip("/")


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        (b"{", "It is not JSON"),
        (b"[]", "The document is [], but it must be a JSON object."),
        (told(generation=-1), "generation is -1"),
        (told(generation=True), "generation is True"),
        (told(weight=101), "weight is 101, but it must be a number of percent from 0 to 100."),
        (told(weight="10"), "weight is '10'"),
        (told(weight=True), "weight is True"),
        (told(candidate={"revision": "r"}), "candidate.http is missing"),
        (told(candidate={"http": "http://a:1"}), "candidate.revision is missing"),
        (told(candidate={**TO, "http": "https://a:1"}), "candidate.http is 'https://a:1'"),
        (told(candidate={**TO, "http": "http://a"}), "candidate.http is 'a'"),
        (told(candidate={**TO, "http": "http://a:99999"}), "candidate.http is 'a:99999'"),
        (told(candidate={**TO, "http": "http://a:1/path"}), "candidate.http is 'a:1/path'"),
        (told(candidate={**TO, "grpc": "http://a:1"}), "candidate.grpc is 'http://a:1'"),
        (told(candidate=TO, stable="81ab"), "which is the stable revision, too"),
        (told(headers={}), ""),
        (told(headers=[{"name": "a b", "value": "c"}]), "headers[0].name is 'a b'"),
        (told(headers=[{"name": "a"}]), "headers[0].value is missing"),
        (told(headers=[{"name": "a", "value": "b"}] * 65), "at most 64"),
        (told(sticky={}), "sticky.header is missing"),
        (told(shadow={"percent": -1}), "shadow.percent is -1"),
        (told(shadow={"absoluteTolerance": -1}), "shadow.absoluteTolerance is -1"),
        (told(digests=[]), "digests is []"),
    ],
)
def test_a_wrong_value_is_named(document: bytes, sentence: str) -> None:
    if not sentence:
        assert parse(document) == Document(1)  # an empty list of pins, however it is written
        return
    with pytest.raises(BadDocument) as refused:
        parse(document)
    assert sentence in str(refused.value)
