"""``plan``: what a file would do, found out without changing anything.

The API server itself says what the spec would be (``dryRun=All``), so defaults and rules apply; then the operator's own
pure ``decide`` says what would be written in the cluster as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import orjson

from modelway.cli.acting import FIELD_MANAGER
from modelway.cli.reading import CHILDREN, every, resource, routes, send, succeeded
from modelway.cli.view.planned import Planned, planned
from modelway.cli.view.returning import gitops
from modelway.cluster.client import APPLY, MERGE, Api, Response
from modelway.cluster.kinds import BY_KIND, FORBIDDEN, MODEL_DEPLOYMENT, NOT_SERVED, SELECTOR
from modelway.cluster.observe import observe
from modelway.cluster.store import Store
from modelway.manifests import names
from modelway.world import Measured, Resource, World

LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
UNKNOWN_IMAGE: Final = "unknown"
_WITHOUT_ROUTES: Final[Mapping[str, str]] = {
    NOT_SERVED: "the cluster does not serve {kind}s, so a canary gets no share through spec.traffic.gateway.",
    FORBIDDEN: "you may not list {kind}s, so this plan leaves them out; Modelway writes them all the same.",
}
_DRY: Final = {"dryRun": "All"}


async def attempt(api: Api, namespace: str, content: Mapping[str, Any], now: datetime) -> Planned:
    """What applying this ModelDeployment would do."""
    name = str(content["metadata"]["name"])
    before = await resource(api, namespace, name)
    wanted = {key: value for key, value in content.items() if key != "status"}
    after = succeeded(await _dry_run(api, namespace, name, wanted, before), f"ModelDeployment {namespace}/{name}")
    world, warnings = await _world(api, namespace, name, before, after)
    return planned(world, before["spec"] if before else None, warnings, now)


async def _dry_run(
    api: Api, namespace: str, name: str, wanted: dict[str, Any], before: Mapping[str, Any] | None
) -> Response:
    """Applies as the object was applied until now, so that what the file no longer says would be gone."""
    path = MODEL_DEPLOYMENT.path(namespace, name)
    applier = _applier(before)
    former = _last_applied(before)
    if before is not None and not applier and former is not None:
        body = merge_patch(former, wanted) | {"metadata": {**wanted["metadata"], "namespace": namespace}}
        return await send(api, "PATCH", path, {"fieldManager": FIELD_MANAGER, **_DRY}, orjson.dumps(body), MERGE)
    wanted["metadata"] = {**wanted["metadata"], "namespace": namespace}
    query = {"fieldManager": applier or FIELD_MANAGER, "force": "true", **_DRY}
    return await send(api, "PATCH", path, query, orjson.dumps(wanted), APPLY)


def _applier(before: Mapping[str, Any] | None) -> str:
    """The field manager that owns the spec by server-side apply; empty if none does."""
    for entry in (before or {}).get("metadata", {}).get("managedFields") or ():
        spec = "f:spec" in (entry.get("fieldsV1") or {})
        if entry.get("operation") == "Apply" and spec and not entry.get("subresource"):
            return str(entry["manager"])
    return ""


def _last_applied(before: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What `kubectl apply` sent last, by its own annotation."""
    text = ((before or {}).get("metadata", {}).get("annotations") or {}).get(LAST_APPLIED)
    try:
        found = orjson.loads(text) if text else None
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def merge_patch(former: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """A merge patch (RFC 7386) that sets what is wanted and removes what was sent before and no longer is: what
    `kubectl apply` does to custom resources."""
    made: dict[str, Any] = {key: None for key in former if key not in wanted}
    for key, value in wanted.items():
        below = former.get(key)
        made[key] = (
            merge_patch(below if isinstance(below, Mapping) else {}, value) if isinstance(value, Mapping) else value
        )
    return made


async def _world(
    api: Api, namespace: str, name: str, before: Mapping[str, Any] | None, after: Mapping[str, Any]
) -> tuple[World, tuple[str, ...]]:
    spec, meta = after.get("spec") or {}, after["metadata"]
    image = await _runtime_image(api, namespace, before)
    guessed = "the image that the operator serves with is not known, so names are guesses."
    warnings: tuple[str, ...] = () if image else (guessed,)
    attached, unavailable = await routes(api, namespace, name)
    if (spec.get("traffic") or {}).get("gateway"):
        warnings += tuple(_WITHOUT_ROUTES.get(why, why).format(kind=kind) for kind, why in unavailable.items())
    unavailable = {kind: why if why in _WITHOUT_ROUTES else NOT_SERVED for kind, why in unavailable.items()}
    if before is None:
        created = datetime.fromisoformat(meta["creationTimestamp"])
        fresh = Resource(namespace, name, str(meta.get("uid", "")), 1, created, False, spec, {})
        return World(fresh, runtime_image=image or UNKNOWN_IMAGE, unavailable=unavailable), warnings
    store, key = Store(), (namespace, name)
    store.see(MODEL_DEPLOYMENT.kind, None, before)
    for kind in CHILDREN:
        for obj in await every(api, kind, namespace, {"labelSelector": f"{names.DEPLOYMENT}={name}"}):
            store.see(kind.kind, None, obj)
    for of_routes, found in attached.items():
        for obj in found:
            store.see(of_routes, None, obj)
    store.unavailable.update(unavailable)
    world = observe(store, key, image or UNKNOWN_IMAGE, Measured())
    assert world is not None  # it was put there above
    if (before.get("status") or {}).get("observedGeneration") != before["metadata"].get("generation"):
        warnings += ("the operator has not looked at the latest change yet; this is planned on what it saw before.",)
    manager = gitops(before)
    if manager:
        warnings += (f"{manager} applies this object; what is applied by hand will be undone.",)
    generation = int(meta.get("generation") or world.resource.generation)
    return replace(world, resource=replace(world.resource, spec=spec, generation=generation)), warnings


async def _runtime_image(api: Api, namespace: str, before: Mapping[str, Any] | None) -> str:
    """The server's image, which is a part of each revision: as the revision has it that was decided on last, else the
    newest of the namespace."""
    target = (((before or {}).get("status") or {}).get("rollout") or {}).get("target")
    revisions = await every(api, BY_KIND["ControllerRevision"], namespace, {"labelSelector": SELECTOR})
    newest = sorted(revisions, key=lambda each: str(each["metadata"].get("creationTimestamp")), reverse=True)
    chosen = [each for each in newest if each["metadata"]["name"] == target] or newest
    return str((chosen[0].get("data") or {}).get("image", "")) if chosen else ""
