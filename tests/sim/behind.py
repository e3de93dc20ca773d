"""Stories behind gateways: the canary's share is split by one or two of them, or by the pods when the user takes that
back; gateways are late, away, refuse a route or tell of an old one; and their API comes and goes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

from tests.sim.gateways import FOREVER, KINDS, Gateway
from tests.sim.specs import GOOD
from tests.sim.story import Story
from tests.sim.world import NAMESPACE, Violated

PUBLIC, INNER = {"name": "public"}, {"name": "inner", "namespace": "gateways"}
HOSTS: tuple[list[str], ...] = (["digits.example.com"], ["digits.example.com"], ["digits.example.org"], [])
SCALINGS = ({"replicas": 1}, {"replicas": 2}, {"replicas": 3}, {"min": 1, "max": 3})
TESTERS = [{"name": "x-model", "value": "candidate"}]
PARENTS = ([PUBLIC], [PUBLIC], [PUBLIC, INNER], [INNER], [{**PUBLIC, "sectionName": "web"}])


class Behind(Story):
    """A third of what happens is about gateways."""

    option: ClassVar[str] = " --gateways"

    def spec(self) -> dict[str, Any]:
        spec = super().spec()
        if self.chance.random() < 0.75:  # most have a candidate that gets a share, and keeps it for a while
            spec["rollout"] = spec["rollout"] | {"strategy": "Canary", "steps": self._steps()}
            spec["rollout"].pop("blueGreen", None)
            spec["rollout"].pop("paused", None)
            spec["scaling"] = self.chance.choice(SCALINGS)
        if traffic := self._traffic(0.65):
            spec["traffic"] = traffic
        if self.chance.random() < 0.3:
            spec["serving"] = spec["serving"] | {"grpc": True}
        return spec

    def _steps(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for weight in self.chance.choice(((50,), (25, 75), (10, 50, 100), (75, 25), (0, 50), (50, 100))):
            duration = self.chance.choice(("1s", "10s", "1m", "10m"))
            found += [{"setWeight": weight}, {"pause": {"duration": duration} if self.chance.random() < 0.8 else {}}]
        return found

    def _traffic(self, often: float) -> dict[str, Any]:
        chance, found = self.chance, dict[str, Any]()
        if chance.random() < often:
            hosts = chance.choice(HOSTS)
            found["gateway"] = {"parentRefs": chance.choice(PARENTS)} | ({"hostnames": hosts} if hosts else {})
        if chance.random() < 0.15:
            found["headers"] = TESTERS
        return found

    def _something(self) -> None:
        if self._shared() and self.chance.random() < 0.3:
            self.edit_traffic()
        elif self.chance.random() < 0.35:
            names = list(DEEDS)
            self.chance.choices(names, [DEEDS[name] for name in names])[0](self)
        else:
            super()._something()

    def _shared(self) -> bool:
        """It counts when a gateway or a pod goes by it: the document is written long before."""
        if not super()._shared():
            return False
        known = self.world.gateways.known.values()
        routed = any(len(told.names) > 1 for gateway in known for _, told in gateway.proxies.values())
        return routed or any(document.get("weight") for document in self.world.pods.read.values())

    def _gateway(self) -> Gateway:
        known = self.world.gateways.known
        return known.setdefault(name := self.chance.choice(("public", "public", "inner")), Gateway(name))

    # What may happen.

    def edit_traffic(self) -> None:
        """The user changes who splits the requests: most often from gateways to pods, or back."""
        has = "gateway" in (self.world.resource()["spec"].get("traffic") or {})
        wanted = self._traffic(0.3 if has else 0.8)
        self.tell(f"the user sets traffic to {wanted}")
        self.world.edit(lambda spec: spec.update(traffic=wanted))

    def edit_both(self) -> None:
        """The user changes it, and something else right after."""
        self.edit_traffic()
        self.chance.choice((self.new_model, self.verb, self.former_model, self.edit_rollout))()

    def go_away(self) -> None:
        """A gateway's controller stops for a while; its proxies go on."""
        gateway, seconds = self._gateway(), self.chance.choice((5.0, 60.0, 400.0, FOREVER))
        self.tell(f"the controller of gateway {gateway.name} is away for {seconds} s")
        gateway.away_until = self.world.seconds + seconds

    def come_back(self) -> None:
        """Every controller is there."""
        self.tell("every controller is there")
        for gateway in self.world.gateways.known.values():
            gateway.away_until = 0.0

    def refuse(self) -> None:
        """A gateway accepts no route any more, or does again."""
        gateway = self._gateway()
        gateway.refuses = not gateway.refuses
        self.tell(f"gateway {gateway.name} {'refuses' if gateway.refuses else 'accepts'} routes")

    def slow_down(self) -> None:
        """A gateway's controller sees changes late."""
        gateway = self._gateway()
        gateway.lag = self.chance.choice((0.0, 0.5, 3.0, 20.0, 200.0))
        self.tell(f"gateway {gateway.name} sees changes after {gateway.lag} s")

    def tell_of_an_old_one(self) -> None:
        """A controller that has just started says what it knew of a former generation."""
        gateway = self._gateway()
        for name, route in sorted(self.world.gateways.routes().items()):
            if seen := gateway.seen.pop(name, None):
                self.tell(f"gateway {gateway.name} tells of generation {seen.generation - 1} of {name[0]}")
                said = {"type": "Accepted", "status": "True", "observedGeneration": seen.generation - 1}
                entry = {"parentRef": dict(seen.ref), "conditions": [said, {**said, "type": "ResolvedRefs"}]}
                self.world.gateways.say(route, entry)

    def lose_the_api(self) -> None:
        """Somebody uninstalls the Gateway API, or a part of it; or installs it."""
        if self.world.api.absent:
            self._install()
            return
        kinds = self.chance.choice((KINDS, KINDS, KINDS[1:]))
        self.tell(f"somebody uninstalls {', '.join(kinds)}")
        for name in [name for name in self.world.api.objects if name[0] in kinds]:
            self.world.api.delete(*name)
        self.world.api.absent.update(kinds)

    def _install(self) -> None:
        if self.world.api.absent:
            self.tell(f"somebody installs {', '.join(sorted(self.world.api.absent))}")
            self.world.api.absent.clear()

    def delete_route(self) -> None:
        """Somebody deletes a route by hand."""
        for name in sorted(self.world.gateways.routes())[:1]:
            self.tell(f"somebody deletes {name[0]}")
            self.world.api.delete(*name)

    def scribble_route(self) -> None:
        """Somebody edits a route by hand."""
        for kind, namespace, name in sorted(self.world.gateways.routes())[:1]:
            self.tell(f"somebody edits {kind}")
            change = self.chance.choice(SCRIBBLES)
            self.world.api.update(kind, namespace, name, "kubectl", partial(_edit, change))

    def prepare(self) -> None:
        for name in ("public", "inner"):
            early, tidy = self.chance.random() < 0.3, self.chance.random() < 0.5
            lag = self.chance.choice((0.0, 0.0, 0.3, 2.0))
            gateway = self.world.gateways.known.setdefault(name, Gateway(name))
            gateway.early, gateway.tidy, gateway.lag = early, tidy, lag
        if self.chance.random() < 0.8:
            uri = self.chance.choice((*GOOD[1:], *GOOD[1:], "http://models/erroring.onnx"))
            self.tell(f"the user asks for {uri}")
            self.world.model(uri)
        if self.chance.random() < 0.05:
            self.lose_the_api()

    def _end(self) -> None:
        self._install()
        for gateway in self.world.gateways.known.values():
            gateway.away_until, gateway.refuses, gateway.lag = 0.0, False, min(gateway.lag, 1.0)
        super()._end()
        wanted = (self.world.resource()["spec"].get("traffic") or {}).get("gateway")
        if bool(self.world.gateways.routes()) != bool(wanted):
            raise Violated(f"routes: there are {sorted(self.world.gateways.routes())}, but traffic is {wanted}")
        for gateway in self.world.gateways.known.values():
            named = gateway.name in [ref["name"] for ref in wanted["parentRefs"]] if wanted else False
            if bool(gateway.proxies) != named:
                raise Violated(f"routes: gateway {gateway.name} goes by {gateway.proxies}, but traffic is {wanted}")
        if [each for each in self.world.gateways.routes() if each[1] != NAMESPACE]:
            raise Violated("routes: one is in another namespace")


SCRIBBLES: tuple[dict[str, Any], ...] = (
    {"rules": [{"matches": [{}], "backendRefs": [{"name": "digits", "port": 80, "weight": 1}]}]},
    {"hostnames": ["mine.example.com"]},
    {"parentRefs": [INNER]},
)


def _edit(change: dict[str, Any], route: dict[str, Any]) -> None:
    route["spec"].update(change)


DEEDS: dict[Callable[[Behind], None], int] = {
    Behind.edit_traffic: 8,
    Behind.edit_both: 3,
    Behind.go_away: 3,
    Behind.come_back: 2,
    Behind.refuse: 2,
    Behind.slow_down: 3,
    Behind.tell_of_an_old_one: 2,
    Behind.lose_the_api: 2,
    Behind.delete_route: 1,
    Behind.scribble_route: 2,
}
