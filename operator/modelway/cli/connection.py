"""Which cluster, whose identity, which namespace: as kubectl finds them."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from modelway.cluster.client import ApiServer
from modelway.cluster.credentials import SERVICE_ACCOUNT, NoCredentials, context_of, find, kubeconfig_of


@dataclass(frozen=True, slots=True)
class Where:
    """What the options --namespace, --context and --kubeconfig say; empty: as kubectl would."""

    namespace: str = ""
    context: str = ""
    kubeconfig: str = ""

    def chosen_namespace(self) -> str:
        """The namespace: the option's, the context's, the pod's own, or default."""
        if self.namespace:
            return self.namespace
        try:
            config = kubeconfig_of(os.environ, self.kubeconfig)
        except NoCredentials:
            own = SERVICE_ACCOUNT / "namespace"
            return own.read_text().strip() if own.is_file() else "default"
        return str(context_of(config, self.context).get("namespace") or "default")


DEFAULT: Final = Where()
_SERVER: Final = re.compile(r"^https?://[^/\s:@]+|^https?://\[[0-9a-fA-F:.]+\]")


@asynccontextmanager
async def connected(where: Where) -> AsyncIterator[ApiServer]:
    """The API server. Raises ``NoCredentials``."""
    try:
        credentials = find(os.environ, where.context, where.kubeconfig)
    except OSError as error:
        told = f"the kubeconfig names {error.filename}, which can't be read: {error.strerror}."
        raise NoCredentials(f"{told} `kubectl config view` shows what it holds.") from error
    if not _SERVER.match(credentials.server):
        told = f"the kubeconfig's server {credentials.server!r} is no address of an API server."
        raise NoCredentials(f"{told} Write https://HOST:PORT; `kubectl config view --minify` shows where.")
    api = ApiServer(credentials, "modelway-cli")
    try:
        yield api
    finally:
        await api.close()
