"""Whose identity the operator uses: the pod's service account inside a cluster, a kubeconfig outside.

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


def find(environ: Mapping[str, str]) -> Credentials:
    """The pod's service account if there is one, else the kubeconfig named by KUBECONFIG or ~/.kube/config."""
    if "KUBECONFIG" not in environ and "KUBERNETES_SERVICE_HOST" in environ:
        return in_cluster(environ)
    path = Path(environ.get("KUBECONFIG") or Path.home() / ".kube" / "config")
    if not path.is_file():
        raise NoCredentials(f"no cluster: not in a pod, and {path} is no file. Set KUBECONFIG to a kubeconfig file.")
    return from_kubeconfig(path)


def in_cluster(environ: Mapping[str, str]) -> Credentials:
    """The identity that the kubelet mounted into this pod."""
    host, port = environ["KUBERNETES_SERVICE_HOST"], environ.get("KUBERNETES_SERVICE_PORT", "443")
    host = f"[{host}]" if ":" in host else host
    tls = ssl.create_default_context(cafile=str(SERVICE_ACCOUNT / "ca.crt"))
    return Credentials(f"https://{host}:{port}", tls, _file_token(SERVICE_ACCOUNT / "token"))


def from_kubeconfig(path: Path) -> Credentials:
    """The current context of a kubeconfig: certificates, a token, a token file or an exec plugin."""
    config = yaml.safe_load(path.read_text()) or {}
    context = _named(config, "contexts", config.get("current-context", ""))["context"]
    cluster = _named(config, "clusters", context["cluster"])["cluster"]
    user = _named(config, "users", context["user"])["user"]
    if "exec" in user:
        user = {**user, **_exec_user(user["exec"])}
    token = _file_token(Path(user["tokenFile"])) if "tokenFile" in user else lambda: str(user.get("token", ""))
    return Credentials(str(cluster["server"]).rstrip("/"), _tls(cluster, user, path.parent), token)


def _named(config: Mapping[str, Any], section: str, name: str) -> dict[str, Any]:
    for entry in config.get(section) or ():
        if entry["name"] == name:
            return dict(entry)
    raise NoCredentials(f"the kubeconfig has no entry {name!r} under {section}. Check its current-context.")


def _tls(cluster: Mapping[str, Any], user: Mapping[str, Any], base: Path) -> ssl.SSLContext | None:
    if not str(cluster["server"]).startswith("https:"):
        return None
    authority = _bytes(cluster, "certificate-authority", base)
    context = ssl.create_default_context(cadata=authority.decode() if authority else None)
    if cluster.get("insecure-skip-tls-verify"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    certificate, key = _bytes(user, "client-certificate", base), _bytes(user, "client-key", base)
    if certificate and key:
        with tempfile.NamedTemporaryFile() as both:  # ssl loads a client certificate from files only
            both.write(certificate + b"\n" + key)
            both.flush()
            context.load_cert_chain(both.name)
    return context


def _bytes(section: Mapping[str, Any], name: str, base: Path) -> bytes | None:
    """A kubeconfig value that is given inline as ``<name>-data`` or as a path, relative to the kubeconfig."""
    if data := section.get(f"{name}-data"):
        return base64.b64decode(data)
    return (base / section[name]).read_bytes() if section.get(name) else None


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
            token, read_at = path.read_text().strip(), time.monotonic()
        return token

    return current
