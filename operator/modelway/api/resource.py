"""The ModelDeployment: what a user writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field, ValidationError

from .analysis import Check
from .field import Object, rule, rules
from .model import Model
from .rollback import Rollback
from .rollout import DEFAULT_CHECKS, GATEWAY_CHECKS, Rollout
from .scaling import Scaling
from .serving import Serving
from .status import Status
from .traffic import Traffic

MAXIMUM_NAME = 40  # `-<hash>` and a pod's own suffix follow it, and labels end at 63


class Spec(Object):
    """What shall be served, how, by how many pods, and how a new version takes over."""

    model_config = rules(
        rule(
            "!has(self.scaling) || !has(self.scaling.max) || (has(self.serving) && has(self.serving.resources)"
            " && has(self.serving.resources.requests) && has(self.serving.resources.requests.cpu))",
            "autoscaling on CPU needs serving.resources.requests.cpu: the target is a percentage of it",
        ),
        rule(
            "!has(self.traffic) || (!has(self.traffic.headers) && !has(self.traffic.sticky))"
            " || (has(self.rollout) && has(self.rollout.strategy) && self.rollout.strategy == 'Canary')",
            "traffic.headers and traffic.sticky direct requests to a canary; set rollout.strategy: Canary, or remove"
            " them",
        ),
        rule(
            "!has(self.traffic) || !has(self.traffic.gateway) || !has(self.traffic.gateway.grpcHostnames)"
            " || (has(self.serving) && has(self.serving.grpc) && self.serving.grpc)",
            "traffic.gateway.grpcHostnames are a GRPCRoute's, which there is with serving.grpc: true; set it, or remove"
            " them",
        ),
    )

    model: Model = Field(description="Which model is served.")
    serving: Serving = Field(default=Serving(), description="How the model is served.")
    scaling: Scaling = Field(
        default=Scaling(),
        description="How many pods serve: a fixed number (replicas), or as many as the load needs between min and max.",
    )
    rollout: Rollout = Field(default=Rollout(), description="How a new version takes over.")
    rollback: Rollback | None = Field(
        default=None, description="A revision of the history instead of what model says, until this is removed."
    )
    traffic: Traffic = Field(
        default=Traffic(),
        description="Which requests the candidate gets, beside or within its share, while a rollout is in its steps.",
    )

    @property
    def effective_checks(self) -> tuple[Check, ...]:
        """The checks of a rollout beside those of single steps."""
        if self.rollout.strategy != "Canary":
            return ()
        asked = self.rollout.analysis.checks if self.rollout.analysis else ()
        return asked or (GATEWAY_CHECKS if self.traffic.gateway else DEFAULT_CHECKS)


class ModelDeployment(Object):
    """Serves one machine-learning model, and brings every new version of it into service safely."""

    model_config = rules(
        rule(
            f"size(self.metadata.name) <= {MAXIMUM_NAME}",
            f"metadata.name must have at most {MAXIMUM_NAME} characters: names of revisions and pods are made from it",
        ),
        rule(
            "self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
            "metadata.name must be small letters, digits and '-', begin with a letter and end with a letter or digit:"
            " it becomes the name of a Service",
        ),
    )

    spec: Spec = Field(description="What shall be served, how, by how many pods, and how a new version takes over.")
    status: Status | None = Field(default=None, description="What Modelway has made of the spec.")


class InvalidSpec(ValueError):
    """A spec that this operator can't read: its CRD is older or newer than the operator. The message is a sentence."""


def parse_spec(spec: Mapping[str, Any]) -> Spec:
    """The spec as a value with defaults filled in; InvalidSpec names the field, its value and the remedy."""
    try:
        return Spec.model_validate(spec)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
    path = ".".join(["spec", *(str(part) for part in first["loc"])])
    if first["type"] == "extra_forbidden":
        raise InvalidSpec(
            f"{path} is a field that this operator does not know. Remove it, or upgrade the operator to the"
            " version of the CRD."
        ) from None
    if first["type"] == "missing":
        raise InvalidSpec(f"{path} is missing. Set it.") from None
    what = first["msg"].removeprefix("Value error, ")
    raise InvalidSpec(
        f"{path} is {_shown(first['input'])}: {what}. Change it, and install the CRD of this operator's version."
    ) from None


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:79]}…"
