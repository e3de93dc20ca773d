"""``status``: what Modelway answers."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from .field import Object, Schema


class Phase(StrEnum):
    """One word for people; programs read the conditions."""

    PENDING = "Pending"
    PROGRESSING = "Progressing"
    READY = "Ready"
    DEGRADED = "Degraded"
    PAUSED = "Paused"
    SCALED_TO_ZERO = "ScaledToZero"
    FAILED = "Failed"


class Condition(Object):
    """One aspect of the resource's state."""

    type: Annotated[str, Field(max_length=316)] = Field(
        description="Ready, Available, Progressing, ModelLoaded; Reconciling and Stalled only while they are True."
    )
    status: Literal["True", "False", "Unknown"] = Field(description="True, False or Unknown.")
    observed_generation: int = Field(description="The generation of the spec that this condition speaks of.")
    last_transition_time: Annotated[str, Schema({"format": "date-time"})] = Field(
        description="When status last changed."
    )
    reason: Annotated[str, Field(max_length=1024)] = Field(description="One word for programs.")
    message: Annotated[str, Field(max_length=32768)] = Field(description="Sentences for people.")


class RevisionStatus(Object):
    """A revision and its pods."""

    revision: int = Field(description="The revision's number.")
    name: Annotated[str, Field(max_length=63)] = Field(
        description="The name of the revision's ControllerRevision, Deployment and Service."
    )
    version: Annotated[str, Field(max_length=63)] | None = Field(
        default=None, description="The label given in spec.model.version."
    )
    digest: Annotated[str, Field(max_length=71)] | None = Field(
        default=None, description="The digest of the content that the pods serve, once one of them does."
    )
    replicas: int = Field(description="How many pods it shall have.")
    ready: int = Field(description="How many of them are ready.")
    weight: int | None = Field(
        default=None, description="The percentage of the requests that it answers, while two revisions share them."
    )


class Evidence(Object):
    """What a check found when its verdict last changed."""

    check: Annotated[str, Field(max_length=256)] = Field(description="What was measured.")
    state: Literal["Passed", "Failed", "Inconclusive"] = Field(description="Passed, Failed or Inconclusive.")
    value: float | None = Field(default=None, description="The candidate's value.")
    stable_value: float | None = Field(default=None, description="The stable revision's value in the same time.")
    samples: int = Field(description="On how many requests or compared answers it rests.")
    message: Annotated[str, Field(max_length=2048)] = Field(description="The verdict, in a sentence.")


class CheckFailures(Object):
    """Failed measurements of a check that has not failed for good yet."""

    check: Annotated[str, Field(max_length=256)] = Field(description="What was measured.")
    count: int = Field(description="How many measurements failed.")
    at: Annotated[str, Schema({"format": "date-time"})] = Field(description="When the last one did.")


class LastAction(Object):
    """The verb that was read last from the annotation modelway.io/action."""

    action: Annotated[str, Field(max_length=256)] = Field(description="The annotation's value.")
    result: Literal["Done", "Ignored"] = Field(description="Done, or Ignored because it did not apply.")
    message: Annotated[str, Field(max_length=1024)] = Field(description="What it did, or why it was ignored.")
    at: Annotated[str, Schema({"format": "date-time"})] = Field(description="When it was read.")


class RolloutStatus(Object):
    """How far the latest change has come."""

    target: Annotated[str, Field(max_length=63)] = Field(description="The name of the revision that the spec asks for.")
    message: Annotated[str, Field(max_length=32768)] = Field(description="What is going on, in a sentence.")
    started_at: Annotated[str, Schema({"format": "date-time"})] | None = Field(
        default=None, description="When the target began to come up, or was resumed; present while it comes up."
    )
    deadline_at: Annotated[str, Schema({"format": "date-time"})] | None = Field(
        default=None, description="When the target will be given up unless it has come further."
    )
    step: int | None = Field(default=None, description="Which step it is in, counted from 1.")
    steps: int | None = Field(default=None, description="How many steps there are.")
    plan: Annotated[str, Field(max_length=16)] | None = Field(
        default=None, description="A hash of the steps; other steps begin from the first."
    )
    step_started_at: Annotated[str, Schema({"format": "date-time"})] | None = Field(
        default=None, description="When the step began."
    )
    step_ends_at: Annotated[str, Schema({"format": "date-time"})] | None = Field(
        default=None, description="When the step's own time is over, if it has one."
    )
    held: Annotated[str, Field(max_length=2048)] | None = Field(
        default=None, description="Why it waits for a person, if it does."
    )
    evidence: Annotated[tuple[Evidence, ...], Schema({"maxItems": 64, "x-kubernetes-list-type": "atomic"})] = Field(
        default=(), description="What the checks found when a verdict last changed."
    )
    failures: Annotated[tuple[CheckFailures, ...], Schema({"maxItems": 64, "x-kubernetes-list-type": "atomic"})] = (
        Field(default=(), description="Failed measurements of checks that may fail a few times.")
    )
    last_action: LastAction | None = Field(
        default=None, description="The verb that was read last from the annotation modelway.io/action."
    )


class Endpoints(Object):
    """Where the model answers inside the cluster."""

    http: Annotated[str, Field(max_length=1024)] = Field(
        description="The model's address; append /infer for the Open Inference Protocol."
    )


class Status(Object):
    """What Modelway has made of the spec."""

    observed_generation: int | None = Field(
        default=None, description="The generation of the spec that this status speaks of."
    )
    phase: Phase | None = Field(default=None, description="One word for people; programs read the conditions.")
    conditions: Annotated[
        tuple[Condition, ...],
        Schema({"maxItems": 16, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}),
    ] = Field(
        default=(),
        description="The state, one aspect each. Ready=True: the model answers as the spec or the last good"
        " revision asks.",
    )
    stable: RevisionStatus | None = Field(default=None, description="The revision that serves.")
    candidate: RevisionStatus | None = Field(default=None, description="The revision that comes up, or failed to.")
    rollout: RolloutStatus | None = Field(default=None, description="How far the latest change has come.")
    replicas: int | None = Field(
        default=None, description="How many pods the serving revision shall have; read by the scale subresource."
    )
    selector: Annotated[str, Field(max_length=512)] | None = Field(
        default=None, description="Selects the serving revision's pods; read by the scale subresource."
    )
    endpoints: Endpoints | None = Field(default=None, description="Where the model answers inside the cluster.")
