"""The operator's settings: defaults, flags before environment, and what a person is told."""

from __future__ import annotations

import pytest

from modelway.settings import TABLE, BadSetting, load

REQUIRED = {"MODELWAY_RUNTIME_IMAGE": "example/modelserver:1"}


def test_flags_come_before_the_environment_and_that_before_defaults() -> None:
    environ = REQUIRED | {"MODELWAY_WORKERS": "4", "MODELWAY_HTTP_PORT": "9000", "POD_NAMESPACE": "system"}
    settings = load(["--workers", "8"], environ)
    assert (settings.workers, settings.http_port, settings.resync_seconds) == (8, 9000, 600)
    assert settings.lease_namespace == "system"


def test_namespaces_are_separated_by_commas_and_none_means_all() -> None:
    assert load([], REQUIRED).namespaces == ()
    assert load([], REQUIRED | {"MODELWAY_NAMESPACES": "a, b,"}).namespaces == ("a", "b")


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("MODELWAY_RUNTIME_IMAGE", "", "MODELWAY_RUNTIME_IMAGE is empty. Set it to the image of the model server."),
        ("MODELWAY_WORKERS", "0", "MODELWAY_WORKERS is '0'. Set it to a whole number from 1 to 256."),
        ("MODELWAY_HTTP_PORT", "http", "MODELWAY_HTTP_PORT is 'http'. Set it to a whole number from 0 to 65535."),
        ("MODELWAY_LOG_FORMAT", "xml", "MODELWAY_LOG_FORMAT is 'xml'. Set it to json or text."),
    ],
)
def test_a_bad_setting_is_named_with_its_value_and_the_remedy(variable: str, value: str, told: str) -> None:
    with pytest.raises(BadSetting) as error:
        load([], REQUIRED | {variable: value})
    assert str(error.value) == told


def test_every_setting_has_a_flag_and_a_text() -> None:
    assert len({setting.flag for setting in TABLE}) == len(TABLE)
    assert all(setting.text for setting in TABLE)
