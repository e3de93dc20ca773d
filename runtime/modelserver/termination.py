"""What a container says when it ends: one line of JSON in the termination log (contract in ARCHITECTURE.md)."""

import json
from pathlib import Path

LIMIT_BYTES = 2048  # the kubelet keeps 4096 of all containers' messages together; the contract allows each 2 kB


def success_message(digest: str, size: int) -> str:
    """`size` in bytes."""
    return json.dumps({"digest": digest, "bytes": size})


def failure_message(reason: str, message: str) -> str:
    """At most `LIMIT_BYTES` of UTF-8; a longer `message` loses its end."""
    line = json.dumps({"reason": reason, "message": message}, ensure_ascii=False)
    while len(line.encode()) > LIMIT_BYTES:
        surplus = len(line.encode()) - LIMIT_BYTES
        message = message[: max(0, len(message) - surplus // 4 - 2)].rstrip() + "…"
        line = json.dumps({"reason": reason, "message": message}, ensure_ascii=False)
    return line


def say(line: str, log: Path) -> None:
    """Write `line` where the kubelet mounted a termination log; elsewhere (no such file) there is nobody to tell."""
    if log.is_file():
        log.write_text(line + "\n", encoding="utf-8")
