"""Which cluster, whose identity, which namespace: as kubectl finds them."""

from __future__ import annotations

import os
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


@asynccontextmanager
async def connected(where: Where) -> AsyncIterator[ApiServer]:
    """The API server. Raises ``NoCredentials``."""
    api = ApiServer(find(os.environ, where.context, where.kubeconfig), "modelway-cli")
    try:
        yield api
    finally:
        await api.close()
