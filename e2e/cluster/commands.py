"""Running other programs: a failure always carries what the program said, and every wait has an end."""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path


class ClusterError(Exception):
    """Something about the cluster that a person has to know, in a sentence."""


class CommandFailed(ClusterError):
    """A program ended with an error; the message holds its last lines."""

    def __init__(self, argv: Sequence[str], code: int, output: str) -> None:
        self.argv, self.code, self.output = list(argv), code, output
        super().__init__(f"{shlex.join(argv)[:300]} ended with {code}:\n{last_lines(output)}")


def environment() -> dict[str, str]:
    """This process's environment with the system's own programs on PATH: `su` and cron leave them out."""
    places = os.environ.get("PATH", os.defpath).split(os.pathsep)
    missing = [place for place in ("/usr/local/sbin", "/usr/sbin", "/sbin") if place not in places]
    return {**os.environ, "PATH": os.pathsep.join([*places, *missing])}


def run(
    argv: Sequence[str | Path],
    *,
    input: str | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout: float = 120,
) -> str:
    """Run a program and return its standard output.

    Raises:
        CommandFailed: with its standard error (and output), if it ends with an error or not in time.
    """
    words = [str(word) for word in argv]
    env = env or environment()
    try:
        done = subprocess.run(
            words, input=input, env=env, cwd=cwd, timeout=timeout, check=False, text=True, capture_output=True
        )
    except subprocess.TimeoutExpired as expired:
        raise CommandFailed(words, 124, f"no end after {timeout:g} s") from expired
    except FileNotFoundError as missing:
        raise CommandFailed(words, 127, str(missing)) from missing
    if done.returncode != 0:
        raise CommandFailed(words, done.returncode, done.stderr + done.stdout)
    return done.stdout


def wait_until(what: str, ready: Callable[[], str], seconds: float, log: Path | None = None) -> None:
    """Call `ready` until it returns an empty string; what it returns otherwise is the reason that we still wait.

    Raises:
        ClusterError: after `seconds`, with the last reason and the last lines of `log`.
    """
    deadline = time.monotonic() + seconds
    while reason := ready():
        if time.monotonic() > deadline:
            said = f"\nThe last lines of {log}:\n{tail(log)}" if log else ""
            raise ClusterError(f"{what} did not happen within {seconds:g} s: {reason}{said}")
        time.sleep(0.1)


def tail(path: Path, lines: int = 25) -> str:
    """The end of a log; a log that is not there yet is an answer too."""
    if not path.exists():
        return f"(no {path})"
    with path.open("rb") as log:
        log.seek(max(0, path.stat().st_size - 32_768))
        return last_lines(log.read().decode(errors="replace"), lines)


def last_lines(text: str, lines: int = 25) -> str:
    return "\n".join(line[:2000] for line in text.strip().splitlines()[-lines:])
