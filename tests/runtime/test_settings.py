"""Settings: flags over environment over defaults; a wrong one is told by name, value and expectation."""

import dataclasses
import re

import pytest

from modelserver.cli import main
from modelserver.errors import BadSettings
from modelserver.settings import FetchSettings, ServeSettings, flag, read


def test_flags_win_over_the_environment_over_defaults() -> None:
    environment = {"MODELSERVER_HTTP_PORT": "9000", "MODELSERVER_THREADS": "4", "UNRELATED": "x"}
    settings = read(ServeSettings, {"http_port": "9001"}, environment)
    assert (settings.http_port, settings.threads, settings.warmup_requests) == (9001, 4, 3)


def test_empty_values_count_as_absent() -> None:
    assert read(ServeSettings, {}, {"MODELSERVER_MODEL_VERSION": ""}).model_version is None


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("MODELSERVER_THREADS", "none", "'auto' or a whole number"),
        ("MODELSERVER_THREADS", "0", "'auto' or a whole number"),
        ("MODELSERVER_HTTP_PORT", "70000", "from 0 to 65535"),
        ("MODELSERVER_HTTP_PORT", "-1", "from 0 to 65535"),
        ("MODELSERVER_WARMUP_REQUESTS", "1.5", "whole number"),
        ("MODELSERVER_DRAIN_SECONDS", "soon", "number of seconds"),
        ("MODELSERVER_MAX_BODY_BYTES", "10 MB", "number of bytes"),
        ("MODELSERVER_EXECUTION", "gpu", "one of auto, inline, thread"),
        ("MODELSERVER_REVISION", "a\r\nb", "printable ASCII"),
    ],
)
def test_a_wrong_setting_is_told_by_name_value_and_expectation(variable: str, value: str, expected: str) -> None:
    with pytest.raises(BadSettings) as refused:
        read(ServeSettings, {}, {variable: value})
    assert variable in str(refused.value)
    assert repr(value) in str(refused.value)
    assert expected in str(refused.value)


def test_sizes_have_units() -> None:
    assert read(FetchSettings, {}, {"MODELSERVER_MODEL_MAX_BYTES": "512Mi"}).model_max_bytes == 512 * 1024**2
    assert read(FetchSettings, {}, {"MODELSERVER_MODEL_MAX_BYTES": "123"}).model_max_bytes == 123


def test_a_digest_must_be_one() -> None:
    with pytest.raises(BadSettings, match="MODELSERVER_MODEL_DIGEST"):
        read(FetchSettings, {}, {"MODELSERVER_MODEL_DIGEST": "abc"})


@pytest.mark.parametrize(("command", "kind"), [("serve", ServeSettings), ("fetch", FetchSettings)])
def test_help_names_every_setting_its_variable_and_default(
    command: str, kind: type, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main([command, "--help"])
    assert left.value.code == 0
    text = re.sub(r"\s+", "", capsys.readouterr().out)
    for field in dataclasses.fields(kind):
        assert flag(field.name) in text
        assert re.sub(r"\s+", "", field.metadata["help"]) in text
        assert field.metadata["env"] in text


def test_the_entry_point_may_be_named_again_in_a_pods_args(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["modelserver", "--version"])
    assert left.value.code == 0
    assert capsys.readouterr().out.startswith("modelserver ")
