"""The termination message: one line of JSON, at most 2 kB, whatever has to be told."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelserver import errors
from modelserver.errors import ContainerError
from modelserver.termination import LIMIT_BYTES, failure_message, say, success_message

CONTRACT = {
    "ModelNotFound",
    "ModelSourceUnreachable",
    "ModelAccessDenied",
    "ModelNotAModel",
    "ModelTooLarge",
    "DigestMismatch",
    "ModelCorrupt",
    "ModelUnsupported",
    "ModelFailed",
    "BadSettings",
}


@given(st.text(max_size=5000))
def test_any_message_fits_and_stays_json(message: str) -> None:
    try:
        message.encode()
    except UnicodeEncodeError:
        message = message.encode("utf-8", "replace").decode()
    line = failure_message("ModelCorrupt", message)
    assert len(line.encode()) <= LIMIT_BYTES
    assert "\n" not in line
    told = json.loads(line)
    assert told["reason"] == "ModelCorrupt"
    assert told["message"] == message or told["message"].endswith("…")


def test_success_says_digest_and_bytes() -> None:
    assert json.loads(success_message("sha256:ab", 12)) == {"digest": "sha256:ab", "bytes": 12}


def test_the_reasons_are_the_contracts() -> None:
    assert {kind.__name__ for kind in ContainerError.__subclasses__()} == CONTRACT


def test_every_error_of_a_request_has_a_status() -> None:
    assert set(errors.STATUS_BY_ERROR) == set(errors.RequestError.__subclasses__())


@pytest.mark.parametrize("exists", [True, False])
def test_it_is_said_only_where_the_kubelet_listens(exists: bool, tmp_path: Path) -> None:
    log = tmp_path / "termination-log"
    if exists:
        log.touch()
    say("words", log)
    assert log.exists() == exists
    assert not exists or log.read_text() == "words\n"
