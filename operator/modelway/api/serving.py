"""``spec.serving``: how the model is served."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field

from .batching import Batching
from .field import CEL, Matches, Object, Quantity, Schema, rule, rules, text

NAME_PATTERN: Final = r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$"
DNS_NAME: Final = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
MAXIMUM_THREADS: Final = 1024


class ResourceAmounts(Object):
    """Amounts of compute resources."""

    cpu: Quantity | None = Field(default=None, description="Processor cores, e.g. 500m or 2.")
    memory: Quantity | None = Field(default=None, description="Bytes of memory, e.g. 512Mi.")
    ephemeral_storage: Quantity | None = Field(
        default=None,
        alias="ephemeral-storage",
        description="Bytes of node disk, which the fetched model also takes, e.g. 2Gi.",
    )


def _at_most(name: str) -> str:
    """CEL: what is requested of a resource is not above its limit."""
    return (
        f"!has(self.requests) || !has(self.limits) || !has(self.requests.{name}) || !has(self.limits.{name})"
        f" || !quantity(string(self.requests.{name})).isGreaterThan(quantity(string(self.limits.{name})))"
    )


class Resources(Object):
    """What the serving container asks of a node and may use at most."""

    model_config = rules(
        rule(_at_most("cpu"), "requests.cpu must not be greater than limits.cpu"),
        rule(_at_most("memory"), "requests.memory must not be greater than limits.memory"),
        rule(
            _at_most("ephemeral__dash__storage"),
            "requests.ephemeral-storage must not be greater than limits.ephemeral-storage",
        ),
    )

    requests: ResourceAmounts | None = Field(
        default=None,
        description="What is set aside on the node. A resource that is named neither here nor in limits is"
        " requested with"
        " cpu: 100m, memory: 128Mi.",
    )
    limits: ResourceAmounts | None = Field(
        default=None,
        description="What may be used at most: more CPU is throttled, more memory ends the container. Without it"
        " there is no limit.",
    )


class Warmup(Object):
    """What happens between loading the model and the first user's request."""

    requests: Annotated[int, Field(ge=0, le=1000)] = Field(
        default=3,
        description="How many made-up requests, shaped by the model's signature, are run before a pod says that"
        " it is ready.",
    )


class Toleration(Object):
    """A taint that the pods bear; as in a pod."""

    model_config = rules(
        rule(
            "!has(self.operator) || self.operator != 'Exists' || !has(self.value)",
            "a toleration with operator Exists takes no value",
        ),
        rule(
            "!has(self.tolerationSeconds) || (has(self.effect) && self.effect == 'NoExecute')",
            "tolerationSeconds needs effect NoExecute",
        ),
    )

    key: Annotated[str, text(316)] | None = Field(
        default=None, description="The taint's key; without it, every key (with operator Exists)."
    )
    operator: Literal["Equal", "Exists"] | None = Field(
        default=None, description="Equal (the default) compares the value, Exists does not."
    )
    value: Annotated[str, text(63)] | None = Field(default=None, description="The taint's value.")
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = Field(
        default=None, description="The taint's effect; without it, every effect."
    )
    toleration_seconds: Annotated[int, Field(ge=0)] | None = Field(
        default=None, description="For how long a NoExecute taint is borne; without it, for ever."
    )


class LocalObject(Object):
    """The name of an object in this namespace."""

    name: Annotated[
        str, text(253), Matches(DNS_NAME, "must be the name of an object: small letters, digits, '-' and '.'")
    ] = Field(description="The object's name.")


class EnvironmentVariable(Object):
    """An environment variable."""

    name: Annotated[
        str,
        text(128),
        Matches(r"^[A-Za-z_][A-Za-z0-9_]*$", "must be the name of an environment variable: letters, digits and '_'"),
    ] = Field(description="The variable's name.")
    value: Annotated[str, Field(max_length=4096)] = Field(default="", description="The variable's value.")


_OURS: Final = "self.all(k, !k.startsWith('modelway.io/') && !k.startsWith('app.kubernetes.io/managed-by'))"


def _not_ours(value: dict[str, str]) -> dict[str, str]:
    for key in value:
        if key.startswith(("modelway.io/", "app.kubernetes.io/managed-by")):
            raise ValueError("keys under modelway.io/ and app.kubernetes.io/managed-by belong to Modelway")
    return value


def _map(maximum: int, *given: dict[str, str]) -> Schema:
    extra: dict[str, Any] = {"maxProperties": maximum}
    return Schema(extra | ({CEL: list(given)} if given else {}))


def _list(maximum: int, key: str | None = None, *given: dict[str, str]) -> Schema:
    extra: dict[str, Any] = {"maxItems": maximum}
    extra |= (
        {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key]}
        if key
        else {"x-kubernetes-list-type": "atomic"}
    )
    return Schema(extra | ({CEL: list(given)} if given else {}))


_MARKED_AS_OURS: Final = rule(_OURS, "keys under modelway.io/ and app.kubernetes.io/managed-by belong to Modelway")


def _no_settings(value: tuple[EnvironmentVariable, ...]) -> tuple[EnvironmentVariable, ...]:
    if any(variable.name.startswith("MODELSERVER_") for variable in value):
        raise ValueError("variables that begin with MODELSERVER_ are set by Modelway")
    return value


class PodSettings(Object):
    """What may be added to the pods: a small, listed set, never a whole pod spec."""

    labels: Annotated[
        dict[str, Annotated[str, Field(max_length=63)]], AfterValidator(_not_ours), _map(32, _MARKED_AS_OURS)
    ] = Field(default={}, description="Labels added to the pods.")
    annotations: Annotated[
        dict[str, Annotated[str, Field(max_length=4096)]], AfterValidator(_not_ours), _map(32, _MARKED_AS_OURS)
    ] = Field(default={}, description="Annotations added to the pods.")
    service_account_name: (
        Annotated[
            str,
            text(253),
            Matches(DNS_NAME, "must be the name of a ServiceAccount: small letters, digits, '-' and '.'"),
        ]
        | None
    ) = Field(default=None, description="The ServiceAccount that the pods run as. Its token is never mounted.")
    tolerations: Annotated[tuple[Toleration, ...], _list(32)] = Field(
        default=(), description="Taints that the pods bear."
    )
    node_selector: Annotated[dict[str, Annotated[str, Field(max_length=63)]], _map(32)] = Field(
        default={}, description="Labels that a node must have."
    )
    priority_class_name: (
        Annotated[
            str, text(253), Matches(DNS_NAME, "must be the name of a PriorityClass: small letters, digits, '-' and '.'")
        ]
        | None
    ) = Field(default=None, description="The pods' PriorityClass.")
    image_pull_secrets: Annotated[tuple[LocalObject, ...], _list(8, "name")] = Field(
        default=(), description="Secrets with which the node pulls the server's image."
    )
    env: Annotated[
        tuple[EnvironmentVariable, ...],
        AfterValidator(_no_settings),
        _list(
            64,
            "name",
            rule(
                "self.all(e, !e.name.startsWith('MODELSERVER_'))",
                "variables that begin with MODELSERVER_ are set by Modelway",
            ),
        ),
    ] = Field(
        default=(), description="Environment variables of the fetching and of the serving container, e.g. HTTPS_PROXY."
    )


class Serving(Object):
    """How the model is served."""

    name: (
        Annotated[
            str,
            text(63),
            Matches(
                NAME_PATTERN, "name must be letters, digits, '.', '_' or '-', and begin and end with a letter or digit"
            ),
        ]
        | None
    ) = Field(
        default=None,
        description="The model's name in the protocols (/v2/models/<name>). By default the resource's own name.",
    )
    threads: Annotated[
        Literal["Auto"] | Annotated[int, Field(ge=1, le=MAXIMUM_THREADS)],
        Schema(
            {
                "x-kubernetes-int-or-string": True,
                CEL: [
                    rule(
                        f"type(self) == int ? self >= 1 && self <= {MAXIMUM_THREADS} : self == 'Auto'",
                        f"threads must be Auto, or a number from 1 to {MAXIMUM_THREADS}",
                    )
                ],
            }
        ),
    ] = Field(
        default="Auto", description="Threads that compute: Auto takes them from the container's CPU limit and affinity."
    )
    batching: Batching = Field(default=Batching(), description="Whether requests that wait are run together.")
    grpc: bool = Field(
        default=False,
        description="Also answer the Open Inference Protocol over gRPC, at port 9000 of the Services. It costs each pod"
        " about 20 MB of memory.",
    )
    resources: Resources = Field(
        default=Resources(), description="What the serving container asks of a node and may use at most."
    )
    warmup: Warmup = Field(
        default=Warmup(), description="What happens between loading the model and the first user's request."
    )
    pod: PodSettings = Field(
        default=PodSettings(), description="What may be added to the pods: a small, listed set, never a whole pod spec."
    )
