"""What a setting's text may be: each check gives the value, or raises ValueError with what was expected."""

import re
from collections.abc import Callable

GIB = 1024**3
MIB = 1024**2
UNITS = {"": 1, "Ki": 1024, "Mi": MIB, "Gi": GIB, "K": 1000, "M": 1000**2, "G": 1000**3}


def whole(minimum: int, maximum: int | None = None) -> Callable[[str], int]:
    """Check for a whole number in a closed range; raises ValueError with what was expected."""

    def parse(text: str) -> int:
        expected = f"a whole number ≥ {minimum}" if maximum is None else f"a whole number from {minimum} to {maximum}"
        if not re.fullmatch(r"[0-9]{1,18}", text) or int(text) < minimum or (maximum and int(text) > maximum):
            raise ValueError(expected)
        return int(text)

    return parse


def seconds(text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]+)?", text):
        raise ValueError("a number of seconds such as 20 or 0.5")
    return float(text)


def size(text: str) -> int:
    """A number of bytes, or `512Mi`, `10Gi`, `2G`."""
    match = re.fullmatch(r"([0-9]{1,18})(Ki|Mi|Gi|K|M|G)?", text)
    if not match or int(match[1]) == 0:
        raise ValueError("a number of bytes such as 1048576, 512Mi or 10Gi")
    return int(match[1]) * UNITS[match[2] or ""]


def threads(text: str) -> int | None:
    if text == "auto":
        return None
    try:
        return whole(1, 1024)(text)
    except ValueError:
        raise ValueError("'auto' or a whole number from 1 to 1024") from None


def share(text: str) -> float:
    if not re.fullmatch(r"0|1|[01]?\.[0-9]{1,9}", text) or float(text) > 1:
        raise ValueError("a number from 0 to 1 such as 0.01")
    return float(text)


def octal(text: str) -> int:
    if not re.fullmatch(r"0?[0-7]{3}", text):
        raise ValueError("three octal digits such as 0660")
    return int(text, 8)


def one_of(*words: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in words:
            raise ValueError(f"one of {', '.join(words)}")
        return text

    return parse


def header_text(text: str) -> str:
    """Text that can stand in an HTTP header and in a URL's path segment."""
    if not re.fullmatch(r"[!-~]{1,253}", text):
        raise ValueError("at most 253 printable ASCII characters without spaces")
    return text


def digest(text: str) -> str:
    if not re.fullmatch(r"sha256:[0-9a-f]{64}", text):
        raise ValueError("'sha256:' and 64 lower-case hexadecimal digits")
    return text


def http_url(text: str) -> str:
    if not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", text):
        raise ValueError("an address such as http://collector:4318, without user, query and fragment")
    return text


def pairs(text: str) -> dict[str, str]:
    """`key1=value1,key2=value2`, values percent-encoded, as OpenTelemetry writes headers and attributes."""
    from urllib.parse import unquote  # only who uses it pays for it

    told = {}
    for entry in filter(None, (entry.strip() for entry in text.split(","))):
        key, equals, value = entry.partition("=")
        if not equals or not key.strip() or not entry.isprintable():
            raise ValueError("entries such as key=value with commas between")
        told[key.strip()] = unquote(value.strip())
    return told
