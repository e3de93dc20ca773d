"""Where stories begin: with nothing, or with a first version that serves. The latter is played once for each spec and
then forked, for half of a story's time would be the same beginning."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import orjson

from tests.sim.controllers import Fate
from tests.sim.specs import GOOD
from tests.sim.world import World

NAME = "digits"
FATES = {
    "http://models/broken.onnx": Fate.NO_MODEL,
    "http://models/crashing.onnx": Fate.CRASHES,
    "http://models/homeless.onnx": Fate.UNSCHEDULABLE,
}
REMEMBERED = 500  # of 11 models, 3 strategies and some 15 scalings

_settled: OrderedDict[bytes, World] = OrderedDict()


def settled(spec: dict[str, Any]) -> World:
    """A world in which that spec, asked for as the first, has come to rest. Nobody may change it."""
    key = orjson.dumps(spec, option=orjson.OPT_SORT_KEYS)
    if key not in _settled:
        world = World()
        world.cluster.fates.update(FATES)
        world.create(NAME, **spec)
        world.settle(within=86_400)
        _settled[key] = world
        if len(_settled) > REMEMBERED:
            _settled.popitem(last=False)
    _settled.move_to_end(key)
    return _settled[key]


def begun(spec: dict[str, Any], serves: bool, settings: dict[str, Any]) -> tuple[World, str]:
    """A world in which that was asked for: just now, or long enough ago for a first version of it to serve."""
    if not serves:
        world = World(**settings)
        world.cluster.fates.update(FATES)
        world.create(NAME, **spec)
        return world, "the user creates"
    scaling = {"replicas": 2} if spec["scaling"].get("replicas") == 0 else spec["scaling"]
    first = {"model": {"uri": GOOD[0]}, "serving": spec["serving"], "scaling": scaling, "rollout": {}}
    if "traffic" in spec:
        first["traffic"] = spec["traffic"]
    world = settled(first).fork(**settings)
    world.edit(lambda live: live.update(rollout=spec["rollout"]))
    return world, "there serves"
