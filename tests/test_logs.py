"""Log lines: one JSON object a line for machines, one sentence a line for people, from the same records."""

from __future__ import annotations

import json
import logging
import sys

from modelway.logs import JsonFormatter, TextFormatter


def record(message: str, *arguments: object, fields: dict[str, object] | None = None) -> logging.LogRecord:
    made = logging.LogRecord("modelway.act", logging.WARNING, "act.py", 1, message, arguments, None)
    if fields is not None:
        made.fields = fields
    return made


def test_json_carries_the_fields() -> None:
    line = json.loads(JsonFormatter().format(record("wrote %s", "digits", fields={"namespace": "shop", "writes": 3})))
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "warning",
        "logger": "modelway.act",
        "message": "wrote digits",
        "namespace": "shop",
        "writes": 3,
    }


def test_a_line_break_in_a_message_does_not_make_two_json_lines() -> None:
    assert "\n" not in JsonFormatter().format(record("one\ntwo"))


def test_json_survives_what_it_can_not_encode() -> None:
    assert json.loads(JsonFormatter().format(record("x", fields={"what": {"a set"}})))["what"]


def test_text_puts_the_fields_behind_the_sentence_and_quotes_spaces() -> None:
    line = TextFormatter().format(record("wrote it", fields={"key": "shop/digits", "why": "it was gone"}))
    assert line.endswith("WARNING wrote it key=shop/digits why='it was gone'")


def test_both_tell_an_exception() -> None:
    try:
        raise ValueError("broken")
    except ValueError:
        made = record("failed")
        made.exc_info = sys.exc_info()
    assert "ValueError: broken" in json.loads(JsonFormatter().format(made))["exception"]
    assert TextFormatter().format(made).splitlines()[-1] == "ValueError: broken"
