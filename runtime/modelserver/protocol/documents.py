"""The JSON document of a request's body, before anybody knows what it asks for."""

from typing import Any

import orjson

from modelserver.errors import MalformedRequest

LONGEST = 60  # characters of a caller's own value that come back to it in an error
TYPE_NAMES = {dict: "object", list: "array", str: "string", bool: "boolean", type(None): "null"}


def document(body: bytes) -> dict[str, Any]:
    """The JSON object in `body`; raises MalformedRequest. More than 1,024 levels of nesting are refused by orjson."""
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError as problem:
        what = f"is not JSON: {problem}" if body else "is empty; a JSON document was expected"
        raise MalformedRequest(f"The body {what}.") from None
    if type(parsed) is not dict:
        raise MalformedRequest(f"The body is a JSON {json_type(parsed)}, but an object was expected.")
    return parsed


def json_type(value: object) -> str:
    """What JSON calls the value's type."""
    return TYPE_NAMES.get(type(value), "number")


def shown(value: Any) -> str:
    """The value as an error may repeat it: at most `LONGEST` characters, and of what holds others only the type.

    A list that is nested a thousand deep is JSON, but its repr would end in a RecursionError.
    """
    if isinstance(value, (dict, list)):
        return f"a JSON {json_type(value)}"
    return repr(value[:LONGEST]) if isinstance(value, str) else repr(value)
