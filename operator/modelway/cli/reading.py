"""Reads what the API server holds about a ModelDeployment; every refusal becomes a sentence."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Any, Final

from modelway.cli.seen import Document, Seen
from modelway.cluster.client import JSON, Api, OutcomeUnknown, Response, Unreachable
from modelway.cluster.kinds import BY_KIND, EVENT, FORBIDDEN, MODEL_DEPLOYMENT, NOT_SERVED, ROUTES, WATCHED, ApiKind
from modelway.manifests import names

WITHIN: Final = 15.0  # seconds for one request: a person waits, no lease depends on it
CHILDREN: Final = tuple(kind for kind in WATCHED if kind is not MODEL_DEPLOYMENT)
SHOWN: Final = tuple(BY_KIND[kind] for kind in ("ControllerRevision", "Deployment", "Pod"))

_NAME: Final = re.compile(r"^[a-z0-9](?:[-.a-z0-9]{0,251}[a-z0-9])?\Z")  # RFC 1123, as the API server has it
_NO_CHART: Final = "the cluster knows no ModelDeployments. Is Modelway's chart installed there?"
_REMEDIES: Final[Mapping[int, str]] = {
    401: "The cluster does not take your credentials: log in again, or choose another --context.",
    403: "Ask for that right; `kubectl auth can-i --list` shows those that you have.",
    500: "Try again; the API server's log says more.",
    503: "Try again in a moment.",
}
_OUT_OF_REACH: Final[Mapping[int, str]] = {404: NOT_SERVED, 401: FORBIDDEN, 403: FORBIDDEN}


class Failed(Exception):
    """It can't be done; the message is a sentence for people. ``status``: that of the API server's answer, if it came
    to one."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class Unanswered(Failed):
    """The API server does not answer."""


async def send(
    api: Api,
    method: str,
    path: str,
    query: Mapping[str, str] | None = None,
    body: bytes | None = None,
    content_type: str = JSON,
) -> Response:
    """A request that a person waits for."""
    try:
        return await api.send(method, path, query, body, content_type, within=WITHIN)
    except (Unreachable, OutcomeUnknown) as error:
        hint = "Does it run, and does `kubectl config view --minify` name the right one?"
        raise Unanswered(f"the API server does not answer: {error}. {hint}") from error


def succeeded(response: Response, what: str) -> dict[str, Any]:
    """The answer's document, or ``Failed`` with what the API server said."""
    if response.status < 300:
        return response.json()
    told = (str(response.json().get("message", "")) or f"status {response.status}").rstrip(".")
    raise Failed(f"{what}: {told}. {_REMEDIES.get(response.status, '')}".rstrip(), response.status)


def path_of(kind: ApiKind, namespace: str | None, name: str = "") -> str:
    """The URL path of an object or a collection, of names that are some: ``..`` would lead elsewhere."""
    for what, given, asked in (("namespace", namespace, namespace is not None), (kind.kind, name, bool(name))):
        if asked and not _NAME.match(given or ""):
            rule = "small letters, digits, '-' and '.', a letter or digit at both ends, 253 characters at most"
            raise Failed(f"{given!r} is no name of a {what}: {rule}.")
    return kind.path(namespace, name)


async def resource(api: Api, namespace: str, name: str) -> dict[str, Any] | None:
    """The ModelDeployment, None if there is none of that name."""
    if not name:
        raise Failed(f"the name of the {MODEL_DEPLOYMENT.kind} is empty. `modelway list` shows those that there are.")
    response = await send(api, "GET", path_of(MODEL_DEPLOYMENT, namespace, name))
    if response.status != 404:
        return succeeded(response, f"ModelDeployment {namespace}/{name}")
    if response.json().get("reason") not in (None, "NotFound") or not response.json().get("details", {}).get("name"):
        raise Failed(_NO_CHART)
    return None


async def every(api: Api, kind: ApiKind, namespace: str | None, query: Mapping[str, str] | None = None) -> list[Any]:
    """The objects of a kind, in pages."""
    found: list[Any] = []
    more = ""
    while True:
        page = {**(query or {}), "limit": "500", **({"continue": more} if more else {})}
        answer = await send(api, "GET", path_of(kind, namespace), page)
        if answer.status == 404 and kind is MODEL_DEPLOYMENT:
            raise Failed(_NO_CHART, answer.status)
        told = succeeded(answer, f"listing {kind.plural}")
        found += told.get("items") or ()
        more = str((told.get("metadata") or {}).get("continue") or "")
        if not more:
            return found


async def routes(api: Api, namespace: str, name: str) -> tuple[dict[str, tuple[Document, ...]], dict[str, str]]:
    """Its routes of the Gateway API by kind; and why a kind can't be had: the cluster does not serve it, or not to this
    person, or (a sentence) the API server failed."""
    found: dict[str, tuple[Document, ...]] = {}
    unavailable: dict[str, str] = {}
    for kind in ROUTES:
        try:
            found[kind.kind] = tuple(await every(api, kind, namespace, _children_of(name)))
        except Failed as error:
            unavailable[kind.kind] = _OUT_OF_REACH.get(error.status, str(error).rstrip("."))
    return found, unavailable


def _children_of(name: str) -> dict[str, str]:
    return {"labelSelector": f"{names.DEPLOYMENT}={name}"}


async def see(api: Api, namespace: str, name: str) -> Seen:
    """The ModelDeployment with the children, pods, routes and events that are shown."""
    found, events, *lists = await asyncio.gather(
        resource(api, namespace, name),
        _events(api, namespace, name),
        *(every(api, kind, namespace, _children_of(name)) for kind in SHOWN),
    )
    if found is None:
        raise Failed(f"there is no ModelDeployment {name} in namespace {namespace}. `modelway list -A` shows all.")
    children = {kind.kind: tuple(each) for kind, each in zip(SHOWN, lists, strict=True)}
    if not Seen(found).gateway:
        return Seen(found, children, events)
    attached, unavailable = await routes(api, namespace, name)
    return Seen(found, children | attached, events, unavailable)


async def _events(api: Api, namespace: str, name: str) -> tuple[Document, ...]:
    """The events about it, the latest last; none where they may not be read."""
    selector = {"fieldSelector": f"regarding.kind={names.KIND},regarding.name={name}"}
    try:
        found = await every(api, EVENT, namespace, selector)
    except Failed:
        return ()
    return tuple(sorted(found, key=lambda each: str(each.get("eventTime") or "")))
