"""The gateways of the simulation. Each has a controller, which sees a route some time after it changed and says what it
makes of it, and proxies, which go by it a moment later, or earlier than that was said.

So what a route asks for, what its gateways do and what the operator believes are three things, as in life. Which rules
hold for controllers: RouteParentStatus of https://gateway-api.sigs.k8s.io/reference/api-spec/main/spec/.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from modelway.cluster.kinds import ROUTES
from tests.sim.api import FakeApi

KINDS = tuple(kind.kind for kind in ROUTES)
SPREADS = 1.0  # seconds after which proxies know at the latest what their controller knows
FOREVER = float("inf")
GONE = -1  # the generation of a route that was deleted


@dataclass(frozen=True, slots=True)
class Backends:
    """Who gets the requests of a route: percent by Service, and the Services to which a header leads."""

    weights: Mapping[str, int]
    pinned: frozenset[str] = frozenset()

    @property
    def names(self) -> frozenset[str]:
        """Every Service that gets a request."""
        return frozenset(name for name, weight in self.weights.items() if weight) | self.pinned


NOBODY = Backends({})


@dataclass(frozen=True, slots=True)
class Seen:
    """What a controller knows of a route: which one, as of when, and the backends that it did not find."""

    uid: str
    generation: int
    ref: tuple[tuple[str, Any], ...]  # how the route names the gateway
    backends: Backends
    missing: frozenset[str]
    refused: bool
    at: float


Name = tuple[str, str, str]  # kind, namespace, name


@dataclass(slots=True)
class Gateway:
    """One gateway, by its name. Only what it knows of routes is kept: a controller that was away begins with that."""

    name: str
    away_until: float = 0.0  # its controller does not run; its proxies go on as they are
    refuses: bool = False  # it accepts no route
    lag: float = 0.0  # seconds until its controller sees that something changed
    early: bool = False  # it says so before its proxies know
    tidy: bool = True  # takes back what it said of a route that has left it; Envoy Gateway 1.9 does not
    seen: dict[Name, Seen] = field(default_factory=dict)
    proxies: dict[Name, tuple[str, Backends]] = field(default_factory=dict)  # the route's uid, and who gets what


def backends(route: Mapping[str, Any]) -> Backends:
    """Who gets the requests that a route's rules match."""
    weights: dict[str, int] = {}
    pinned: set[str] = set()
    for rule in route["spec"]["rules"]:
        named = {ref["name"]: ref["weight"] for ref in rule["backendRefs"]}
        if any("headers" in match for match in rule["matches"]):
            pinned |= named.keys()
        else:
            weights = named
    return Backends(weights, frozenset(pinned))


@dataclass
class Gateways:
    """All of them; one that a route names and nobody knows appears, ready to serve."""

    api: FakeApi
    clock: Callable[[], float] = lambda: 0.0
    known: dict[str, Gateway] = field(default_factory=dict)
    since: dict[tuple[str, int], float] = field(default_factory=dict)  # a route's uid and generation → when it appeared

    def forked(self, api: FakeApi) -> Gateways:
        """The same ones in another world."""
        copies = {
            name: replace(each, seen=dict(each.seen), proxies=dict(each.proxies)) for name, each in self.known.items()
        }
        return Gateways(api, known=copies, since=dict(self.since))

    def routes(self) -> dict[Name, dict[str, Any]]:
        """The live ones."""
        found = [route for kind in KINDS for route in self.api.all(kind)]
        return {(r["kind"], r["metadata"]["namespace"], r["metadata"]["name"]): r for r in found}

    def steps(self) -> list[Callable[[], None]]:
        """What controllers and proxies could do next."""
        routes = self.routes()
        if not routes and not self.known:
            return []
        for route in routes.values():
            self.since.setdefault(_version(route), self.clock())
            for ref in route["spec"]["parentRefs"]:
                self.known.setdefault(ref["name"], Gateway(ref["name"]))
        found: list[Callable[[], None]] = []
        for gateway in self.known.values():
            for name in sorted(routes.keys() | gateway.seen.keys() | gateway.proxies.keys()):
                if name in gateway.seen and name not in routes:
                    self.since.setdefault((gateway.seen[name].uid, GONE), self.clock())
                found += self._of(gateway, name, routes.get(name))
        return found

    def _of(self, gateway: Gateway, name: Name, route: dict[str, Any] | None) -> Iterator[Callable[[], None]]:
        """What a gateway has to do about a route: see it, tell its proxies, and say so."""
        seen = gateway.seen.get(name)
        if self.clock() >= self._sees_at(gateway, name, route):
            yield partial(self._see, gateway, name, route)
        elif gateway.away_until > self.clock():
            return
        said = route is not None and seen is not None and not self._is_said(gateway, seen, route)
        spread = gateway.proxies.get(name) != _told(seen)
        if spread and not (gateway.early and said):
            yield partial(self._spread, gateway, name)
        if said and route and seen and (gateway.early or not spread):
            yield partial(self._say, gateway, seen, route)

    def _sees_at(self, gateway: Gateway, name: Name, route: dict[str, Any] | None) -> float:
        """When the controller sees what it does not know yet; never if there is nothing."""
        if gateway.seen.get(name) == (self._view(gateway, route, gateway.seen.get(name)) if route else None):
            return FOREVER
        known = gateway.seen.get(name)
        version = _version(route) if route else (known.uid if known else "", GONE)
        new = known is None or version != (known.uid, known.generation)
        return max(gateway.away_until, self.since.get(version, self.clock()) + gateway.lag if new else 0.0)

    def _view(self, gateway: Gateway, route: dict[str, Any], known: Seen | None) -> Seen | None:
        """The route as the controller would see it now; None if it is not attached to this gateway."""
        refs = [ref for ref in route["spec"]["parentRefs"] if ref["name"] == gateway.name]
        if not refs:
            return None
        meta, asked = route["metadata"], backends(route)
        every = asked.weights.keys() | asked.pinned
        missing = frozenset(each for each in every if not self.api.get("Service", meta["namespace"], each))
        ref = tuple(refs[0].items())
        fresh = Seen(meta["uid"], meta["generation"], ref, asked, missing, gateway.refuses, self.clock())
        return known if known and replace(fresh, at=known.at) == known else fresh

    def _see(self, gateway: Gateway, name: Name, route: dict[str, Any] | None) -> None:
        seen = self._view(gateway, route, gateway.seen.get(name)) if route else None
        if seen:
            gateway.seen[name] = seen
            return
        gateway.seen.pop(name, None)
        if route and gateway.tidy:
            others = [each for each in _parents(route) if each["parentRef"]["name"] != gateway.name]
            if others != _parents(route):
                self.api.report(*name, {"parents": others})

    def _spread(self, gateway: Gateway, name: Name) -> None:
        told = _told(gateway.seen.get(name))
        if told is None:
            gateway.proxies.pop(name, None)
        else:
            gateway.proxies[name] = told

    def _is_said(self, gateway: Gateway, seen: Seen, route: dict[str, Any]) -> bool:
        if route["metadata"]["uid"] != seen.uid:
            return True  # of what it knows nothing can be said any more
        return any(each == _entry(seen) for each in _parents(route))

    def _say(self, gateway: Gateway, seen: Seen, route: dict[str, Any]) -> None:
        self.say(route, _entry(seen))

    def say(self, route: dict[str, Any], entry: dict[str, Any]) -> None:
        """A controller writes its entry, and leaves those of others."""
        others = [each for each in _parents(route) if each["parentRef"]["name"] != entry["parentRef"]["name"]]
        meta = route["metadata"]
        self.api.report(route["kind"], meta["namespace"], meta["name"], {"parents": [*others, entry]})

    def next_due(self) -> float | None:
        """When a controller sees something or is back."""
        routes = self.routes()
        due = [
            at
            for gateway in self.known.values()
            for name in routes.keys() | gateway.seen.keys()
            if self.clock() < (at := self._sees_at(gateway, name, routes.get(name))) < FOREVER
        ]
        return min(due, default=None)

    def pass_time(self) -> None:
        """No proxy is behind its controller for longer than a moment."""
        for gateway in self.known.values():
            for name in [*gateway.seen, *(gateway.proxies.keys() - gateway.seen.keys())]:
                seen = gateway.seen.get(name)
                if gateway.away_until <= self.clock() and (seen is None or seen.at + SPREADS <= self.clock()):
                    self._spread(gateway, name)

    def sending_to(self, service: str) -> list[str]:
        """The gateways whose proxies send requests to a Service now."""
        return [
            gateway.name
            for gateway in self.known.values()
            if any(service in told.names for _, told in gateway.proxies.values())
        ]


def _version(route: dict[str, Any]) -> tuple[str, int]:
    return route["metadata"]["uid"], route["metadata"]["generation"]


def _parents(route: dict[str, Any]) -> list[dict[str, Any]]:
    return list((route.get("status") or {}).get("parents") or ())


def _told(seen: Seen | None) -> tuple[str, Backends] | None:
    """What proxies are told: a route that is refused gets no requests at all."""
    return (seen.uid, NOBODY if seen.refused else seen.backends) if seen else None


def _entry(seen: Seen) -> dict[str, Any]:
    """What a controller says of a route."""
    missing = ", ".join(sorted(seen.missing))
    said = (
        ("Accepted", not seen.refused, "NotAllowedByListeners", "no listener takes it"),
        ("ResolvedRefs", not missing, "BackendNotFound", f"there is no Service {missing}"),
    )
    conditions = [
        {
            "type": asked,
            "status": "True" if good else "False",
            "reason": asked if good else reason,
            "message": "" if good else message,
            "observedGeneration": seen.generation,
        }
        for asked, good, reason, message in said
    ]
    return {
        "parentRef": dict(seen.ref),
        "controllerName": "example.com/gateway",
        "conditions": conditions,
    }
