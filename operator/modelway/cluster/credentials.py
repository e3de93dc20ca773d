"""Whose identity is used: the pod's service account inside a cluster, one or more kubeconfig files outside.

Written here instead of taken from the ``kubernetes`` package: importing any part of that package imports its whole
synchronous half: 19 MiB of memory and 0.4 s of CPU in every pod (126 MB in the image), for these hundred lines.
"""

from __future__ import annotations

import base64
import json
import os
import ssl
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
TOKEN_SECONDS: Final = 60.0  # kubelet rotates the projected token at 80% of its hour; client-go re-reads as often


class NoCredentials(Exception):
    """There is no usable identity; the message says what was looked for and what to do."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """A server, how to trust it, and how to get a bearer token (empty: the client certificate is the identity)."""

    server: str
    tls: ssl.SSLContext | None
    token: Callable[[], str]


def find(environ: Mapping[str, str], context: str = "", kubeconfig: str = "") -> Credentials:
    """The pod's service account if there is one and nothing else is named, else a context of the kubeconfig."""
    if not kubeconfig and not context and "KUBECONFIG" not in environ and "KUBERNETES_SERVICE_HOST" in environ:
        return in_cluster(environ)
    try:
        return from_config(kubeconfig_of(environ, kubeconfig), context)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise NoCredentials(
            f"the kubeconfig can't be used: {what}. `kubectl config view` shows what it holds."
        ) from error


def in_cluster(environ: Mapping[str, str]) -> Credentials:
    """The identity that the kubelet mounted into this pod."""
    host, port = environ["KUBERNETES_SERVICE_HOST"], environ.get("KUBERNETES_SERVICE_PORT", "443")
    host = f"[{host}]" if ":" in host else host
    tls = ssl.create_default_context(cafile=str(SERVICE_ACCOUNT / "ca.crt"))
    return Credentials(f"https://{host}:{port}", tls, _file_token(SERVICE_ACCOUNT / "token"))


def kubeconfig_of(environ: Mapping[str, str], named: str = "") -> dict[str, Any]:
    """The file that is named, else those of KUBECONFIG, else ~/.kube/config. Of several, the first entry of a name
    counts, as for kubectl; paths in them are made absolute, since each is relative to its own file."""
    paths = [Path(part) for part in (named or environ.get("KUBECONFIG", "")).split(os.pathsep) if part]
    paths = paths or [Path.home() / ".kube" / "config"]
    found = [path for path in paths if path.is_file()]
    if not found:
        asked = " and ".join(str(path) for path in paths)
        raise NoCredentials(f"no cluster: not in a pod, and {asked} is no file. Set KUBECONFIG to a kubeconfig file.")
    merged: dict[str, Any] = {"current-context": "", "contexts": [], "clusters": [], "users": []}
    for path in found:
        config = _read(path)
        merged["current-context"] = merged["current-context"] or config.get("current-context", "")
        merged["contexts"] += config.get("contexts") or ()
        for section, kind in (("clusters", "cluster"), ("users", "user")):
            for entry in config.get(section) or ():
                merged[section].append({"name": entry["name"], kind: _absolute(entry.get(kind) or {}, path.parent)})
    return merged


def _read(path: Path) -> dict[str, Any]:
    try:
        config = yaml.safe_load(path.read_text()) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        told = " ".join(str(error).split())
        raise NoCredentials(f"{path} is no YAML: {told}. Set KUBECONFIG to a kubeconfig file.") from error
    if not isinstance(config, dict):
        raise NoCredentials(f"{path} is no kubeconfig: it holds no mapping. Set KUBECONFIG to a kubeconfig file.")
    return config


def context_of(config: Mapping[str, Any], context: str = "") -> dict[str, Any]:
    """The context of that name, or the current one: its cluster, user and namespace."""
    return dict(_named(config, "contexts", context or config.get("current-context", ""))["context"])


def from_config(config: Mapping[str, Any], context: str = "") -> Credentials:
    """A context of a kubeconfig: certificates, a token, a token file or an exec plugin."""
    chosen = context_of(config, context)
    cluster = _named(config, "clusters", chosen["cluster"])["cluster"]
    user = _named(config, "users", chosen["user"])["user"]
    if "exec" in user:
        user = {**user, **_exec_user(user["exec"])}
    token = _file_token(Path(user["tokenFile"])) if "tokenFile" in user else lambda: str(user.get("token", ""))
    return Credentials(str(cluster["server"]).rstrip("/"), _tls(cluster, user), token)


_PATHS: Final = ("certificate-authority", "client-certificate", "client-key", "tokenFile")


def _absolute(entry: Mapping[str, Any], base: Path) -> dict[str, Any]:
    return {key: str(base / value) if key in _PATHS else value for key, value in entry.items()}


def _named(config: Mapping[str, Any], section: str, name: str) -> dict[str, Any]:
    for entry in config.get(section) or ():
        if entry["name"] == name:
            return dict(entry)
    known = ", ".join(str(entry["name"]) for entry in config.get(section) or ()) or "none"
    raise NoCredentials(
        f"the kubeconfig has no entry {name!r} under {section}, which has {known}."
        " Check its current-context, or --context."
    )


def _tls(cluster: Mapping[str, Any], user: Mapping[str, Any]) -> ssl.SSLContext | None:
    if not str(cluster["server"]).startswith("https:"):
        return None
    authority = _bytes(cluster, "certificate-authority")
    context = ssl.create_default_context(cadata=authority.decode() if authority else None)
    if cluster.get("insecure-skip-tls-verify"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    certificate, key = _bytes(user, "client-certificate"), _bytes(user, "client-key")
    if certificate and key:
        with tempfile.NamedTemporaryFile() as both:  # ssl loads a client certificate from files only
            both.write(certificate + b"\n" + key)
            both.flush()
            context.load_cert_chain(both.name)
    return context


def _bytes(section: Mapping[str, Any], name: str) -> bytes | None:
    """A kubeconfig value that is given inline as ``<name>-data`` or as a path."""
    if data := section.get(f"{name}-data"):
        return base64.b64decode(data)
    return Path(section[name]).read_bytes() if section.get(name) else None


def _exec_user(plugin: Mapping[str, Any]) -> dict[str, Any]:
    """What a client-go credential plugin answers, in the words of a kubeconfig's user."""
    environ = os.environ | {entry["name"]: entry["value"] for entry in plugin.get("env") or ()}
    environ["KUBERNETES_EXEC_INFO"] = json.dumps(
        {"apiVersion": plugin["apiVersion"], "kind": "ExecCredential", "spec": {"interactive": False}}
    )
    command = [plugin["command"], *(plugin.get("args") or ())]
    try:
        answer = subprocess.run(command, env=environ, check=True, capture_output=True, timeout=60).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise NoCredentials(f"the kubeconfig's credential plugin {command[0]!r} failed: {error}") from error
    status = json.loads(answer)["status"]
    user: dict[str, Any] = {"token": status.get("token", "")}
    for ours, theirs in (("client-certificate", "clientCertificateData"), ("client-key", "clientKeyData")):
        if status.get(theirs):
            user[f"{ours}-data"] = base64.b64encode(status[theirs].encode()).decode()
    return user


def _file_token(path: Path) -> Callable[[], str]:
    """A token read from a file that its writer replaces from time to time."""
    token, read_at = path.read_text().strip(), time.monotonic()

    def current() -> str:
        nonlocal token, read_at
        if time.monotonic() - read_at > TOKEN_SECONDS:
            with suppress(OSError):  # its writer replaces it in this moment: the former one holds for a while yet
                token, read_at = path.read_text().strip(), time.monotonic()
        return token

    return current
