"""Times as Kubernetes writes them."""

from __future__ import annotations

from datetime import UTC, datetime


def rfc3339(time: datetime) -> str:
    """Whole seconds, for status fields of format date-time."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def precise(time: datetime) -> str:
    """Milliseconds too, for our annotations: a delay of seconds is measured from them."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{time.microsecond // 1000:03d}Z"


def parsed(text: object) -> datetime | None:
    """The time in a field or annotation; None if there is none or it was scribbled over."""
    if not isinstance(text, str):
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
