"""The JSON document of a request's body, before anybody knows what it asks for."""

from typing import Any

import orjson

from modelserver.errors import MalformedRequest

# Three bytes of JSON, "[],", become 64 of Python, and "{}," 88: a body of 64 MiB would take 2 GB.
MOST_CONTAINERS = 2**22
UNCOUNTED_BYTES = 2**20
LONGEST = 60  # characters of a caller's own value that come back to it in an error
TYPE_NAMES = {dict: "object", list: "array", str: "string", bool: "boolean", type(None): "null"}


def document(body: bytes) -> dict[str, Any]:
    """The JSON object in `body`; raises MalformedRequest. More than 1,024 levels of nesting are refused by orjson."""
    refuse_crowded(body)
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError as problem:
        what = f"is not JSON: {problem}" if body else "is empty; a JSON document was expected"
        raise MalformedRequest(f"The body {what}.") from None
    if type(parsed) is not dict:
        raise MalformedRequest(f"The body is a JSON {json_type(parsed)}, but an object was expected.")
    return parsed


def refuse_crowded(body: bytes) -> None:
    """Raises MalformedRequest where the body would become far too many objects, before any of them is made."""
    if len(body) > UNCOUNTED_BYTES and (count := body.count(b"[") + body.count(b"{")) > MOST_CONTAINERS:
        raise MalformedRequest(
            f"The body has {count} lists and objects; more than {MOST_CONTAINERS} are not read. Send binary tensors."
        )


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
