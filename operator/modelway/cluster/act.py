"""Executes a ``Plan``: its writes one after the other, each response fed into the store, status last.

One function awaits, ``carry_out``; what an answer of the API server means is a table.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import orjson

from modelway import metrics
from modelway.cluster.client import APPLY, JSON, MERGE, Api, OutcomeUnknown, Response, Unreachable
from modelway.cluster.doubt import Doubts
from modelway.cluster.kinds import BY_KIND, MODEL_DEPLOYMENT
from modelway.cluster.ownership import foreign_owner, release
from modelway.cluster.records import Key
from modelway.cluster.store import Store
from modelway.manifests import names
from modelway.world import Apply, Delete, Plan, Refusal, Resource, Seed, Touch, Write

log = logging.getLogger(__name__)


class Answer(StrEnum):
    """What came of a write."""

    DONE = "done"
    REFUSED = "refused"  # and will be refused again, until somebody changes something
    GONE = "gone"  # what the plan is about is going away
    RETRY = "retry"
    UNKNOWN = "unknown"  # perhaps carried out


ANSWER_BY_STATUS: Final[Mapping[int, Answer]] = {
    200: Answer.DONE,
    201: Answer.DONE,
    202: Answer.DONE,
    400: Answer.REFUSED,
    401: Answer.RETRY,  # the token changes in this moment
    403: Answer.REFUSED,
    404: Answer.RETRY,  # the namespace or the kind is missing; an object that shall be deleted is handled before
    409: Answer.RETRY,  # another uid has the name now, which the watch will show; or too many writers at a time
    410: Answer.RETRY,
    413: Answer.REFUSED,
    422: Answer.REFUSED,
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a plan. ``refusals`` is what the user should read of it."""

    answer: Answer
    refusals: tuple[Refusal, ...] = ()
    retry_after: float = 0.0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Request:
    """A write as the API server takes it."""

    kind: str
    name: str
    verb: str
    method: str
    path: str
    query: Mapping[str, str]
    body: bytes
    content_type: str
    why: str


class Actor:
    """The hands of the operator."""

    def __init__(self, api: Api, store: Store) -> None:
        self._api = api
        self._store = store
        self._doubts = Doubts(api, store)

    async def settle(self, key: Key) -> str:
        """Finds out what came of writes that were not answered. Returns why it could not; "" if all is known."""
        return await self._doubts.settle(key)

    async def carry_out(self, key: Key, resource: Resource, plan: Plan) -> Outcome:
        """Writes in order, then the status. The first write that is not done ends it: what follows may rest on it."""
        for write in plan.writes:
            outcome = await self._write(key, _request(key[0], write), write)
            if outcome.answer is not Answer.DONE:
                return outcome
        return Outcome(Answer.DONE) if plan.status is None else await self.write_status(key, resource, plan)

    async def write_status(self, key: Key, resource: Resource, plan: Plan) -> Outcome:
        """The whole status, bound to the uid: a resource of the same name that came later has its own."""
        manifest = {
            "apiVersion": names.API_VERSION,
            "kind": names.KIND,
            "metadata": {"name": key[1], "uid": resource.uid},
            "status": plan.status,
        }
        path = MODEL_DEPLOYMENT.path(*key) + "/status"
        body = orjson.dumps(manifest)
        why = "; ".join(plan.why)
        request = _Request(names.KIND, key[1], "status", "PATCH", path, _query(names.FIELD_MANAGER), body, APPLY, why)
        return await self._write(key, request, None)

    async def _write(self, key: Key, request: _Request, write: Write | None) -> Outcome:
        try:
            response = await self._api.send(
                request.method, request.path, request.query, request.body, request.content_type
            )
        except Unreachable as error:
            return self._note(key, request, Outcome(Answer.RETRY, reason=str(error)))
        except OutcomeUnknown as error:
            self._doubts.add(key, request.kind, request.name, _creates(write))
            return self._note(key, request, Outcome(Answer.UNKNOWN, reason=str(error)))
        if response.status >= 500:
            # Its storage may have done it all the same.
            self._doubts.add(key, request.kind, request.name, _creates(write))
        outcome = _judge(request, response, write)
        if outcome.answer is Answer.DONE:
            outcome = await self._take_in(key, request, response, write)
        return self._note(key, request, outcome, response)

    async def _take_in(self, key: Key, request: _Request, response: Response, write: Write | None) -> Outcome:
        """Feeds the answer into the store, before anything else can look there."""
        if isinstance(write, Delete):
            obj = response.json() if response.status != 404 else {}
            if "metadata" in obj and obj.get("kind") == write.kind:
                self._store.see(write.kind, "MODIFIED", obj)  # it waits for a finalizer, or for its grace period
            else:
                self._store.deleted(write.uid)
            return Outcome(Answer.DONE)
        if isinstance(write, Touch) and response.status != 200:
            return Outcome(Answer.DONE)
        obj = response.json()
        if _creates(write) and response.status == 200:
            if owner := foreign_owner(obj):
                return await self._give_back(request, obj, owner)
            self._store.revive(obj["metadata"]["uid"])
        self._store.see(request.kind, "MODIFIED", obj)
        return Outcome(Answer.DONE)

    async def _give_back(self, request: _Request, obj: Mapping[str, Any], owner: str) -> Outcome:
        """Undoes an apply that merged into somebody else's object. Whatever the watch tells of it is none of ours:
        taken for news, it would make us try again at once, and for ever."""
        self._store.deleted(obj["metadata"]["uid"])
        if trouble := await release(self._api, request.path, obj):
            reason = f"{request.kind} {request.name} of field manager {owner} could not be given back: {trouble}"
            return Outcome(Answer.RETRY, reason=reason)
        text = f"there is a {request.kind} of that name that is not Modelway's (field manager {owner})"
        return Outcome(Answer.REFUSED, (Refusal(request.kind, request.name, 409, text),), reason=text)

    def _note(self, key: Key, request: _Request, outcome: Outcome, response: Response | None = None) -> Outcome:
        """One log line and one count per write."""
        metrics.WRITES.labels(request.kind, request.verb, outcome.answer.value).inc()
        level = logging.INFO if outcome.answer is Answer.DONE else logging.WARNING
        fields = {
            "namespace": key[0],
            "modeldeployment": key[1],
            "kind": request.kind,
            "object": request.name,
            "verb": request.verb,
            "outcome": outcome.answer.value,
            "why": request.why,
        }
        if response is not None:
            fields["status"] = str(response.status)
        if outcome.reason:
            fields["reason"] = outcome.reason
        log.log(level, "%s %s/%s", request.verb, request.kind, request.name, extra={"fields": fields})
        return outcome


def _query(manager: str, force: bool = True) -> dict[str, str]:
    return {"fieldManager": manager, "force": "true" if force else "false"}


def _request(namespace: str, write: Write) -> _Request:
    if isinstance(write, Delete):
        kind, name = write.kind, write.name
        options = {"preconditions": {"uid": write.uid}, "propagationPolicy": "Background"}
        body = orjson.dumps({"kind": "DeleteOptions", "apiVersion": "v1"} | options)
        return _Request(kind, name, "delete", "DELETE", BY_KIND[kind].path(namespace, name), {}, body, JSON, write.why)
    if isinstance(write, Touch):
        path, query = BY_KIND["Pod"].path(namespace, write.pod), {"fieldManager": names.FIELD_MANAGER}
        body = orjson.dumps({"metadata": {"uid": write.uid, "annotations": {names.TRAFFIC: write.generation}}})
        return _Request("Pod", write.pod, "touch", "PATCH", path, query, body, MERGE, write.why)
    if isinstance(write, Seed):
        kind, name, verb = "Deployment", write.deployment, "seed"
        query = _query(names.SEED_FIELD_MANAGER)
        manifest: Mapping[str, Any] = {
            "apiVersion": BY_KIND[kind].api_version,
            "kind": kind,
            "metadata": {"name": name},
            "spec": {"replicas": write.replicas},
        }
    else:
        manifest, verb = write.manifest, "create" if write.create else "apply"
        kind, name = manifest["kind"], manifest["metadata"]["name"]
        query = _query(names.FIELD_MANAGER, force=not write.create)
    path = BY_KIND[kind].path(namespace, name)
    return _Request(kind, name, verb, "PATCH", path, query, orjson.dumps(manifest), APPLY, write.why)


def _creates(write: Write | None) -> bool:
    return isinstance(write, Apply) and write.create


def _judge(request: _Request, response: Response, write: Write | None) -> Outcome:
    """What an answer means for this write."""
    if isinstance(write, Delete) and response.status == 404:
        return Outcome(Answer.DONE)  # gone already
    if isinstance(write, Touch) and response.status in (404, 409):
        return Outcome(Answer.DONE)  # it is gone, or another one has its name: neither reads a former document
    if write is None and response.status == 404:
        return Outcome(Answer.GONE, reason="the ModelDeployment is gone")
    answer = ANSWER_BY_STATUS.get(response.status, Answer.RETRY)
    if answer is Answer.DONE:
        return Outcome(answer)
    status = response.json()
    message = str(status.get("message", ""))[:1024]
    if "NamespaceTerminating" in _causes(status):
        return Outcome(Answer.GONE, reason=message)
    if response.status == 409 and isinstance(write, Apply) and "FieldManagerConflict" in _causes(status):
        answer = Answer.REFUSED  # sent without force, because none of ours is known: somebody else's object
    refusal = Refusal(request.kind, request.name, response.status, message)
    reason = f"{response.status} {message}"
    return Outcome(answer, (refusal,), response.retry_after, reason)


def _causes(status: Mapping[str, Any]) -> Sequence[str]:
    details = status.get("details") or {}
    return [cause.get("reason", "") for cause in details.get("causes") or ()]
