"""The frozen values that every room shares: what was seen (``World``) and what shall be done (``Plan``).

A ``World`` holds everything that a decision about one ModelDeployment may look at; ``decide`` reads nothing else.
Times are aware datetimes in UTC, durations are seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from modelway.api.model import Model
from modelway.api.serving import Serving
from modelway.measurement import Report

Manifest = dict[str, Any]


class Kind(StrEnum):
    """The kinds of a ModelDeployment's children, in the order in which they are created."""

    CONTROLLER_REVISION = "ControllerRevision"
    CONFIG_MAP = "ConfigMap"
    SERVICE = "Service"
    DEPLOYMENT = "Deployment"
    HORIZONTAL_POD_AUTOSCALER = "HorizontalPodAutoscaler"
    POD_DISRUPTION_BUDGET = "PodDisruptionBudget"
    HTTP_ROUTE = "HTTPRoute"
    GRPC_ROUTE = "GRPCRoute"


@dataclass(frozen=True, slots=True)
class Resource:
    """The user's ModelDeployment as the API server holds it; ``spec`` and ``status`` are plain dicts, unparsed."""

    namespace: str
    name: str
    uid: str
    generation: int
    created_at: datetime
    deleting: bool
    spec: Mapping[str, Any]
    status: Mapping[str, Any]
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Child:
    """An object that we own. ``body`` holds what we may have written beside labels and annotations."""

    kind: Kind
    name: str
    uid: str
    generation: int
    created_at: datetime
    deleting: bool
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    body: Mapping[str, Any]  # top-level fields other than apiVersion, kind, metadata and status
    status: Mapping[str, Any]
    replicas_owners: frozenset[str] = frozenset()  # field managers that own spec.replicas (Deployments only)


@dataclass(frozen=True, slots=True)
class ContainerState:
    """One container's state, out of ``status.(init)containerStatuses``."""

    name: str
    init: bool
    ready: bool
    restarts: int
    waiting_reason: str = ""  # ImagePullBackOff, CrashLoopBackOff, CreateContainerConfigError, …
    waiting_message: str = ""
    exit_code: int | None = None  # of the current or, if it runs or waits again, of the last termination
    exit_reason: str = ""  # OOMKilled, Error, Completed
    exit_message: str = ""  # what the container left at its terminationMessagePath


@dataclass(frozen=True, slots=True)
class Pod:
    """What a decision wants to know of a pod."""

    name: str
    uid: str
    revision: str  # the revision's hash, from the pod's label
    phase: str
    node: str
    ready: bool
    deleting: bool
    created_at: datetime
    ready_since: datetime | None
    unschedulable: str = ""  # the scheduler's message, if PodScheduled is False
    containers: tuple[ContainerState, ...] = ()
    address: str = ""  # its IP
    touched: str = ""  # the traffic document's generation with which it was touched last
    unready_since: datetime | None = None  # when it was found not to be ready, if it is not


@dataclass(frozen=True, slots=True)
class Number:
    """A query's answer: a number, or why there is none; ``errors`` in a row until now, ``at`` when it was asked."""

    value: float | None
    error: str
    errors: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Proof:
    """What golden requests showed: state is Passed, Failed or Inconclusive."""

    state: str
    sentence: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured: the latest report of each pod by its uid, answers of Prometheus by query, and the golden
    requests' result by (candidate's hash, ConfigMap). Lost when the operator ends, and then measured anew."""

    reports: Mapping[str, Report] = field(default_factory=dict)
    numbers: Mapping[tuple[str, str], Number] = field(default_factory=dict)  # by (address, query)
    golden: Mapping[tuple[str, str], Proof] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Golden:
    """Golden requests to be sent: to a pod of the candidate, and to one of the stable revision."""

    config_map: str
    candidate: str  # the candidate's hash
    model: str  # the model's name in the protocols
    stable_model: str
    candidate_address: str
    stable_address: str
    absolute_tolerance: float
    relative_tolerance: float


@dataclass(frozen=True, slots=True)
class Measure:
    """What a decision wants to know before the next one: reports not older than ``every`` seconds of these pods
    (name, uid, IP), these queries (address, query), these golden requests. A query is asked each ``queries_every``
    seconds, however often pods are, and once more if it was not since ``queries_since``."""

    every: float
    pods: tuple[tuple[str, str, str], ...] = ()
    queries: tuple[tuple[str, str], ...] = ()
    golden: Golden | None = None
    queries_every: float = 0.0
    queries_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class World:
    """Everything that a decision about one ModelDeployment may look at."""

    resource: Resource
    children: tuple[Child, ...] = ()
    pods: tuple[Pod, ...] = ()
    runtime_image: str = ""
    refusals: tuple[Refusal, ...] = ()  # writes of the last plan that the API server refused for good
    measured: Measured = Measured()  # what was learnt outside the API server
    unavailable: Mapping[str, str] = field(default_factory=dict)  # kinds that can't be had: NotServed or Forbidden
    attended_since: datetime | None = None  # since when this leader looks after it; None: for ever

    def child(self, kind: Kind, name: str) -> Child | None:
        """The child of that kind and name, also one that is being deleted."""
        return next((c for c in self.children if c.kind is kind and c.name == name), None)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a revision was given up; remembered on its ControllerRevision."""

    at: datetime
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Revision:
    """One immutable version of what answers: the model, how it is served, and the server's image.

    ``snapshot`` is what was hashed and what the ControllerRevision keeps; the marks (digest, promoted, failed) are
    learnt later and kept in its annotations.
    """

    deployment: str  # the ModelDeployment's name
    hash: str
    number: int  # increases; a revision that is returned to gets the next number
    snapshot: Mapping[str, Any]
    model: Model
    serving: Serving
    image: str
    digest: str = ""
    promoted_at: datetime | None = None
    failure: Failure | None = None
    former: tuple[int, ...] = ()  # the numbers that it had before, the latest last


@dataclass(frozen=True, slots=True)
class Refusal:
    """A write that the API server refused and will refuse again: 403, 422, or a name that is somebody else's."""

    kind: str
    name: str
    code: int
    message: str


@dataclass(frozen=True, slots=True)
class Apply:
    """Server-side apply of ``manifest``. ``create`` says that no such child of ours is known, so that the apply is
    sent without force and an object of the same name that is not ours makes it fail instead of being taken over."""

    manifest: Manifest
    create: bool
    why: str


@dataclass(frozen=True, slots=True)
class Seed:
    """Server-side apply of ``spec.replicas`` alone, with a second field manager, before an autoscaler owns it.

    Without it, our leaving the field out of the next apply would reset it to 1: server-side apply removes a field
    that its only owner no longer sends.
    """

    deployment: str
    replicas: int
    why: str


@dataclass(frozen=True, slots=True)
class Delete:
    """Deletion of a child (or of a pod that serves the wrong bytes), bound to its uid."""

    kind: str
    name: str
    uid: str
    why: str


@dataclass(frozen=True, slots=True)
class Touch:
    """An annotation on a pod of ours, which makes its kubelet read the traffic document at once instead of within a
    minute or two. A pod that is gone needs none."""

    pod: str
    uid: str
    generation: str
    why: str


Write = Apply | Seed | Delete | Touch


@dataclass(frozen=True, slots=True)
class Event:
    """An ``events.k8s.io/v1`` event about the ModelDeployment; the same (type, reason, message) is aggregated."""

    type: Literal["Normal", "Warning"]
    reason: str
    action: str
    message: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What shall be done, in order; status last and only if it differs. ``why`` feeds log, event and condition."""

    writes: tuple[Write, ...] = ()
    status: Mapping[str, Any] | None = None  # the whole status, or None when it stands as it should
    events: tuple[Event, ...] = ()
    recheck_after: float | None = None  # seconds until time alone can change the decision
    measure: Measure | None = None  # what must be known to go on
    outcome: str = ""  # how a rollout ends with this plan: Promoted, or the reason for which it is given up
    confirmed_after: float | None = None  # seconds from asking for a share until every stable pod had it, when it has
    why: tuple[str, ...] = ()
