"""``get`` behind a gateway: each route, what it asks for, and whether its parents go by it.

A parent *accepts* a route when a controller says Accepted and ResolvedRefs of it, in whatever generation; it *confirms*
one when that is said of the latest (RouteParentStatus of the Gateway API). Only a confirmed share counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from modelway.cli.seen import Document, Seen, hash_of
from modelway.cluster.kinds import BY_KIND, FORBIDDEN, NOT_SERVED, ROUTES
from modelway.decide.gateway import CONDITION
from modelway.decide.parents import ASKED, answers
from modelway.manifests import names


@dataclass(frozen=True, slots=True)
class ParentLine:
    """A parent of a route; ``waits`` says in words what is missing, and is empty once it is confirmed."""

    parent: str
    accepted: bool
    confirmed: bool
    refused: bool
    waits: str


@dataclass(frozen=True, slots=True)
class ShareLine:
    """Who gets which percentage of the requests without a pinned header."""

    role: str
    service: str
    weight: int


@dataclass(frozen=True, slots=True)
class RouteLine:
    """A route; ``missing`` says why nothing is known of one that is expected."""

    kind: str
    name: str
    hostnames: tuple[str, ...] = ()
    weights: tuple[ShareLine, ...] = ()
    parents: tuple[ParentLine, ...] = ()
    missing: str = ""


UNREADABLE: Final = "Unreadable"

_MISSING: Final[Mapping[str, str]] = {
    NOT_SERVED: "the cluster does not serve {plural}.{group}/v1. Install the Gateway API (1.1 or later), or remove"
    " spec.traffic.gateway.",
    FORBIDDEN: "you may not list {plural}.{group} in namespace {namespace}, so it is not shown; ask for that right."
    "{told}",
    "": "it is not there yet: Modelway makes it with the first revision that serves.{told}",
    UNREADABLE: "it can't be read: {why}.{told}",
}
_REFUSES: Final = {"Accepted": "does not accept it", "ResolvedRefs": "does not find what it leads to"}


def routes(seen: Seen) -> tuple[RouteLine, ...]:
    """The routes that there are, and those that spec.traffic.gateway asks for and that can't be shown."""
    return tuple(line for kind in ROUTES for line in _of_kind(seen, kind.kind))


def unconfirmed(seen: Seen) -> str:
    """What the gateways have not confirmed yet, in sentences; empty if nothing is waited for."""
    told = [
        f"{line.kind} {line.name}: {parent.parent} {parent.waits}."
        for line in routes(seen)
        for parent in line.parents
        if not parent.confirmed
    ]
    return " ".join(told)


def _of_kind(seen: Seen, kind: str) -> Iterator[RouteLine]:
    found = seen.of(kind)
    yield from (_route(seen, kind, each) for each in found)
    if found or not _expected(seen, kind):
        return
    why = seen.unavailable.get(kind, "")
    accepted = str(seen.condition(CONDITION).get("message") or "")
    told = f" Modelway says: {accepted}" if accepted else ""
    text, of = _MISSING.get(why, _MISSING[UNREADABLE]), BY_KIND[kind]
    missing = text.format(plural=of.plural, group=of.group, namespace=seen.namespace, why=why, told=told)
    yield RouteLine(kind, names.route(seen.name), missing=missing)


def _expected(seen: Seen, kind: str) -> bool:
    """A GRPCRoute only where the revision that serves, or the first one that shall, has a gRPC port."""
    if not seen.gateway:
        return False
    stable = str((seen.status.get("stable") or {}).get("name", ""))
    record = next((each for each in seen.revisions() if names.revision(seen.name, hash_of(each)) == stable), None)
    serving: Document = ((record.get("data") or {}) if record else seen.spec).get("serving") or {}
    return kind == ROUTES[0].kind or bool(serving.get("grpc"))


def _route(seen: Seen, kind: str, route: Document) -> RouteLine:
    spec = route.get("spec") or {}
    rules = spec.get("rules") or [{}]
    return RouteLine(
        kind=kind,  # the API server's lists do not repeat it
        name=str(route["metadata"]["name"]),
        hostnames=tuple(map(str, spec.get("hostnames") or ())),
        weights=tuple(_share(seen, each) for each in rules[-1].get("backendRefs") or ()),  # pinned headers come first
        parents=tuple(_parent(seen, route, each) for each in spec.get("parentRefs") or ()),
    )


def _share(seen: Seen, backend: Mapping[str, Any]) -> ShareLine:
    service = str(backend.get("name", ""))
    role = "stable" if service == names.front_service(seen.name) else "candidate"
    return ShareLine(role, service, int(backend.get("weight", 1)))


def _parent(seen: Seen, route: Document, ref: Mapping[str, Any]) -> ParentLine:
    said = answers(route.get("status") or {}, seen.namespace, ref)
    generation = int(route["metadata"].get("generation") or 0)
    agreed = [each for each in said if each.get("type") in ASKED and each.get("status") == "True"]
    latest = {str(each["type"]) for each in agreed if int(each.get("observedGeneration") or 0) >= generation}
    accepted, confirmed = {str(each["type"]) for each in agreed} >= set(ASKED), latest >= set(ASKED)
    refused = "" if confirmed else _refusal(said)
    waits = "" if confirmed else refused or _silence(said, generation)
    return ParentLine(_called(seen, ref), accepted, confirmed, bool(refused), waits)


def _refusal(said: list[Mapping[str, Any]]) -> str:
    for asked in ASKED:
        for each in said:
            if each.get("type") == asked and each.get("status") == "False":
                told = str(each.get("message") or "").rstrip(".")
                return f"{_REFUSES[asked]} ({each.get('reason')}{f': {told}' if told else ''})"
    return ""


def _silence(said: list[Mapping[str, Any]], generation: int) -> str:
    known = max((int(each.get("observedGeneration") or 0) for each in said), default=0)
    if not known:
        return "has not answered yet; check that it exists and that its controller runs"
    return f"has not answered for generation {generation} yet; it goes by generation {known}"


def _called(seen: Seen, ref: Mapping[str, Any]) -> str:
    within = {"listener": ref.get("sectionName"), "port": ref.get("port")}
    part = "".join(f", {word} {value}" for word, value in within.items() if value)
    return f"{ref.get('kind') or 'Gateway'} {ref.get('namespace') or seen.namespace}/{ref.get('name')}{part}"
