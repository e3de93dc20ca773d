"""What the operator can be told: environment variables, each mirrored by a flag."""

from __future__ import annotations

import argparse
import socket
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_NAMESPACE_FILE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


class BadSetting(ValueError):
    """A setting that cannot be used; the message names it, its value and the remedy."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One line of the settings table."""

    variable: str
    default: str
    text: str

    @property
    def flag(self) -> str:
        return "--" + self.variable.removeprefix("MODELWAY_").lower().replace("_", "-")

    @property
    def field(self) -> str:
        return self.variable.removeprefix("MODELWAY_").lower()


TABLE: Final = (
    Setting("MODELWAY_RUNTIME_IMAGE", "", "image of the model server that the operator gives to pods (required)"),
    Setting("MODELWAY_NAMESPACES", "", "namespaces to serve, separated by commas; empty: all"),
    Setting("MODELWAY_LEASE_NAMESPACE", "", "namespace of the leader election's Lease; empty: the pod's own"),
    Setting("MODELWAY_LEASE_NAME", "modelway-operator", "name of the Lease"),
    Setting("MODELWAY_IDENTITY", "", "this replica's name in the Lease; empty: the pod's, else the host's and chance"),
    Setting("MODELWAY_HTTP_PORT", "8090", "port of /livez, /readyz and /metrics; 0: any free port"),
    Setting("MODELWAY_WORKERS", "16", "how many ModelDeployments are worked on at a time"),
    Setting("MODELWAY_RESYNC_SECONDS", "600", "how often every ModelDeployment is looked at though nothing happened"),
    Setting("MODELWAY_LOG_FORMAT", "json", "json or text"),
    Setting("MODELWAY_LOG_LEVEL", "info", "debug, info, warning or error"),
    Setting("MODELWAY_LEADER_ELECTION", "true", "true, or false where exactly one replica is guaranteed"),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings, checked. ``namespaces`` empty means all."""

    runtime_image: str
    namespaces: tuple[str, ...]
    lease_namespace: str
    lease_name: str
    identity: str
    http_port: int
    workers: int
    resync_seconds: float
    log_format: str
    log_level: str
    leader_election: bool


def load(arguments: Sequence[str], environ: Mapping[str, str]) -> Settings:
    """Flags before environment variables before defaults; raises ``BadSetting``."""
    parser = argparse.ArgumentParser("modelway-operator", description="Serves the ModelDeployments of a cluster.")
    for setting in TABLE:
        given = environ.get(setting.variable) or setting.default
        parser.add_argument(setting.flag, default=given, help=f"{setting.text} [{setting.variable}; {given!r}]")
    return check(vars(parser.parse_args(arguments)), environ)


def check(values: Mapping[str, str], environ: Mapping[str, str]) -> Settings:
    """The settings out of their texts."""
    if not values["runtime_image"]:
        raise BadSetting("MODELWAY_RUNTIME_IMAGE is empty. Set it to the image of the model server.")
    return Settings(
        runtime_image=values["runtime_image"],
        namespaces=tuple(filter(None, (part.strip() for part in values["namespaces"].split(",")))),
        lease_namespace=values["lease_namespace"] or _own_namespace(environ),
        lease_name=values["lease_name"],
        identity=values["identity"] or environ.get("POD_NAME") or f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}",
        http_port=_number(values, "http_port", 0, 65535),
        workers=_number(values, "workers", 1, 256),
        resync_seconds=_number(values, "resync_seconds", 10, 86400),
        log_format=_choice(values, "log_format", ("json", "text")),
        log_level=_choice(values, "log_level", ("debug", "info", "warning", "error")),
        leader_election=_choice(values, "leader_election", ("true", "false")) == "true",
    )


def _own_namespace(environ: Mapping[str, str]) -> str:
    if namespace := environ.get("POD_NAMESPACE"):
        return namespace
    return _NAMESPACE_FILE.read_text().strip() if _NAMESPACE_FILE.is_file() else "default"


def _number(values: Mapping[str, str], field: str, least: int, most: int) -> int:
    text = values[field]
    if not text.isdecimal() or not least <= int(text) <= most:
        raise BadSetting(f"MODELWAY_{field.upper()} is {text!r}. Set it to a whole number from {least} to {most}.")
    return int(text)


def _choice(values: Mapping[str, str], field: str, choices: tuple[str, ...]) -> str:
    text = values[field].lower()
    if text not in choices:
        raise BadSetting(f"MODELWAY_{field.upper()} is {values[field]!r}. Set it to {' or '.join(choices)}.")
    return text
