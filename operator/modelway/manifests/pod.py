"""A revision's pods, as ARCHITECTURE.md says: an init container fetches the model, the server loads and serves it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from modelway.api.batching import Batching
from modelway.api.serving import PodSettings, Resources, Serving
from modelway.world import Revision

from . import metadata, names, runtime

USER: Final = 65532  # "nonroot", as in distroless images

# A resource that the user names neither in requests nor in limits. No limits by default: a CPU limit throttles a server
# that has idle cores beside it, and how much memory a model takes only its owner knows.
DEFAULT_REQUESTS: Final = {"cpu": "100m", "memory": "128Mi"}
MODEL_VOLUME_SIZE: Final = "11Gi"  # the bound on what is fetched, and what a file system adds
SCRATCH_VOLUME_SIZE: Final = "256Mi"

# A large model may load for minutes; the rollout's deadline ends it long before this does, unless that is longer.
STARTUP_PROBES: Final = 3600


@dataclass(frozen=True, slots=True)
class _Rendered:
    """A revision as its pods see it. ``text`` is all that they are made of, so that equal texts are equal pods."""

    text: tuple[str, ...]
    revision: Revision = field(compare=False)


def pod_template(revision: Revision) -> dict[str, Any]:
    """The pod template of a revision: a function of the revision alone. It is remembered, so nobody may change it."""
    model, serving = revision.model.model_dump_json(), revision.serving.model_dump_json()
    return _template(_Rendered((revision.deployment, revision.hash, revision.image, model, serving), revision))


@lru_cache(256)
def _template(rendered: _Rendered) -> dict[str, Any]:
    revision = rendered.revision
    pod = revision.serving.pod
    return {
        "metadata": {
            "labels": {**pod.labels, **metadata.labels(revision.deployment, revision.hash)},
            **({"annotations": {**pod.annotations}} if pod.annotations else {}),
        },
        "spec": {
            "initContainers": [_fetch(revision)],
            "containers": [_server(revision)],
            "volumes": _volumes(revision),
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": USER,
                "runAsGroup": USER,
                "fsGroup": USER,
                "fsGroupChangePolicy": "OnRootMismatch",
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": runtime.GRACE,
            "topologySpreadConstraints": [
                {
                    "maxSkew": 1,
                    "topologyKey": "kubernetes.io/hostname",
                    "whenUnsatisfiable": "ScheduleAnyway",
                    "labelSelector": {"matchLabels": metadata.selector(revision.deployment, revision.hash)},
                }
            ],
            **_settings(pod),
        },
    }


def memory_limit(revision: Revision) -> str:
    """The server's memory limit, or nothing."""
    limits = revision.serving.resources.limits
    return str(limits.memory) if limits and limits.memory is not None else ""


def claim(revision: Revision) -> str:
    """The PersistentVolumeClaim that a pvc:// address names, or nothing."""
    scheme, _, rest = revision.model.uri.partition("://")
    return rest.partition("/")[0] if scheme == "pvc" else ""


def _fetch(revision: Revision) -> dict[str, Any]:
    given = {
        runtime.MODEL_URI: revision.model.uri,
        runtime.MODEL_DIGEST: revision.model.digest,
        runtime.MODEL_MAX_BYTES: str(runtime.MAX_MODEL_BYTES),
    }
    mounts = [_mount("model", runtime.MODEL_PATH)]
    if claim(revision):
        mounts.append(_mount("source", runtime.SOURCE_PATH, read_only=True))
    return _container(runtime.FETCH_CONTAINER, runtime.FETCH_ARGS, revision, given, mounts)


def _server(revision: Revision) -> dict[str, Any]:
    threads = revision.serving.threads
    given = {
        runtime.MODEL_NAME: model_name(revision),
        runtime.MODEL_VERSION: revision.model.version,
        runtime.THREADS: runtime.AUTO_THREADS if threads == "Auto" else str(threads),
        runtime.WARMUP_REQUESTS: str(revision.serving.warmup.requests),
        runtime.HTTP_PORT: str(names.HTTP_PORT),
        runtime.DRAIN_SECONDS: str(runtime.DRAIN),
        runtime.DRAIN_ALONE_SECONDS: str(runtime.ALONE),
        **_batching(revision.serving),
        **({runtime.GRPC_PORT: str(names.GRPC_PORT)} if revision.serving.grpc else {}),
    }
    mounts = [_mount("model", runtime.MODEL_PATH, read_only=True)]
    return {
        **_container(runtime.SERVER_CONTAINER, runtime.SERVE_ARGS, revision, given, mounts),
        "ports": _ports(revision),
        "startupProbe": _probe(runtime.READY_PATH, period=1, timeout=2, failures=STARTUP_PROBES),
        # Not the ready path: where the only ready pod is taken away, service proxies go on sending callers to it until
        # another one is ready, if its probe does not fail.
        "readinessProbe": _probe(runtime.SERVING_PATH, period=2, timeout=2, failures=2),
        "livenessProbe": {
            **_probe(runtime.LIVE_PATH, period=10, timeout=5, failures=3),
            "terminationGracePeriodSeconds": runtime.HUNG_GRACE,
        },
    }


def _batching(serving: Serving) -> dict[str, str]:
    """Nothing for the default, so that pods of revisions from before there was a choice are not rendered anew."""
    batching = serving.batching
    if batching == Batching():
        return {}
    return {runtime.BATCHING: batching.mode.lower(), runtime.MAX_BATCH_SIZE: str(batching.max_size)}


def _ports(revision: Revision) -> list[dict[str, Any]]:
    ports = [{"name": names.HTTP_PORT_NAME, "containerPort": names.HTTP_PORT, "protocol": "TCP"}]
    if revision.serving.grpc:
        ports.append({"name": names.GRPC_PORT_NAME, "containerPort": names.GRPC_PORT, "protocol": "TCP"})
    return ports


def model_name(revision: Revision) -> str:
    """The model's name in the protocols."""
    return revision.serving.name or revision.deployment


def _container(
    name: str, args: tuple[str, ...], revision: Revision, given: dict[str, str | None], mounts: list[dict[str, Any]]
) -> dict[str, Any]:
    shared = {
        runtime.REVISION: revision.hash,
        runtime.MODEL_DIR: runtime.MODEL_PATH,
        runtime.TRAFFIC_DIR: runtime.TRAFFIC_PATH,
    }
    users = {variable.name: variable.value for variable in revision.serving.pod.env}
    ours = {key: _literal(value) for key, value in (given | shared).items() if value is not None}
    return {
        "name": name,
        "image": revision.image,
        "imagePullPolicy": "IfNotPresent",  # a revision is immutable, so is its image
        "args": list(args),
        "env": [{"name": key, **({"value": value} if value else {})} for key, value in (users | ours).items()],
        "resources": _resources(revision.serving.resources),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "terminationMessagePath": runtime.TERMINATION_MESSAGE_PATH,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [
            *mounts,
            _mount("scratch", runtime.SCRATCH_PATH),
            _mount("traffic", runtime.TRAFFIC_PATH, read_only=True),
        ],
    }


def _literal(value: str) -> str:
    """The kubelet replaces ``$(NAME)`` in values; an address may hold one that is meant."""
    return value.replace("$(", "$$(")


def _resources(resources: Resources) -> dict[str, Any]:
    requests = resources.requests.model_dump(by_alias=True, exclude_none=True) if resources.requests else {}
    limits = resources.limits.model_dump(by_alias=True, exclude_none=True) if resources.limits else {}
    defaults = {
        name: amount for name, amount in DEFAULT_REQUESTS.items() if name not in requests and name not in limits
    }
    amounts = {"requests": defaults | requests, "limits": limits}
    return {kind: {name: str(amount) for name, amount in given.items()} for kind, given in amounts.items() if given}


def _probe(path: str, *, period: int, timeout: int, failures: int) -> dict[str, Any]:
    return {
        "httpGet": {"path": path, "port": names.HTTP_PORT_NAME},
        "periodSeconds": period,
        "timeoutSeconds": timeout,
        "failureThreshold": failures,
    }


def _mount(name: str, path: str, *, read_only: bool = False) -> dict[str, Any]:
    return {"name": name, "mountPath": path, **({"readOnly": True} if read_only else {})}


def _volumes(revision: Revision) -> list[dict[str, Any]]:
    volumes: list[dict[str, Any]] = [
        {"name": "model", "emptyDir": {"sizeLimit": MODEL_VOLUME_SIZE}},
        {"name": "scratch", "emptyDir": {"sizeLimit": SCRATCH_VOLUME_SIZE}},
        {"name": "traffic", "configMap": {"name": names.traffic_config_map(revision.deployment)}},
    ]
    if claim(revision):
        volumes.append({"name": "source", "persistentVolumeClaim": {"claimName": claim(revision), "readOnly": True}})
    return volumes


def _settings(pod: PodSettings) -> dict[str, Any]:
    given = pod.model_dump(
        by_alias=True,
        exclude_defaults=True,
        include={"service_account_name", "tolerations", "node_selector", "priority_class_name", "image_pull_secrets"},
    )
    return {key: list(value) if isinstance(value, tuple) else value for key, value in given.items()}
