"""The routes table: every path that is answered, and by what."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from urllib.parse import unquote

import orjson

from modelserver import __version__
from modelserver.errors import MethodNotAllowed, NotFound, NotReady, RequestError
from modelserver.metrics import CONTENT_TYPE
from modelserver.server import repository
from modelserver.server.app import DRAINING, LOADING, App, Endpoint, Reply, refusal


def _live(app: App) -> Reply:
    return Reply(200, b'{"live":true}')


def _ready(app: App) -> Reply:
    if app.ready:
        return Reply(200, b'{"ready":true}')
    return refusal(NotReady(DRAINING if app.draining else LOADING.format(name=app.name)))


def _serving(app: App) -> Reply:
    """Also after SIGTERM: what service proxies ask for before they send somebody here because no other pod is ready."""
    if app.core is None:
        return refusal(NotReady(LOADING.format(name=app.name)))
    return Reply(200, b'{"serving":true}')


def _server_metadata(app: App) -> Reply:
    return Reply(
        200, orjson.dumps({"name": "modelserver", "version": __version__, "extensions": ["binary_tensor_data"]})
    )


def _model_metadata(app: App) -> Reply:
    if app.core is None:
        return refusal(NotReady(LOADING.format(name=app.name)))
    return Reply(200, app.core.metadata())


def _model_ready(app: App) -> Reply:
    if app.ready:
        return Reply(200, orjson.dumps({"name": app.name, "ready": True}))
    return _ready(app)


def _v1_models(app: App) -> Reply:
    return Reply(200, orjson.dumps({"models": [app.name]}))


def _alive(app: App) -> Reply:
    return Reply(200, b'{"status":"alive"}')


def _page(app: App) -> Reply:
    if app.core is None:
        return refusal(NotReady(LOADING.format(name=app.name)))
    from modelserver.server import page  # nothing that serving needs

    settings = app.settings
    keys = settings.api_keys_file is not None
    if "page" not in app.documents:
        app.documents["page"] = page.page(
            app.name, settings.model_version, settings.revision, app.core.session.signature, keys=keys
        )
    return Reply(200, app.documents["page"], page.CONTENT_TYPE, page.HEADERS)


def _openapi(app: App) -> Reply:
    if app.core is None:
        return refusal(NotReady(LOADING.format(name=app.name)))
    from modelserver.server import openapi  # nothing that serving needs

    subject = openapi.Subject(
        app.name, versions(app), app.core.session.signature, keys=app.settings.api_keys_file is not None
    )
    if "openapi" not in app.documents:
        app.documents["openapi"] = orjson.dumps(openapi.document(subject, ROUTES))
    return Reply(200, app.documents["openapi"])


def _metrics(app: App) -> Reply:
    app.metrics.gauges |= app.gauges()
    return Reply(200, app.metrics.render(), CONTENT_TYPE)


def _state(app: App) -> Reply:
    from modelserver.traffic import state  # the operator's question, which a pod outside a cluster never hears

    return Reply(200, state.describe(app))


@dataclass(frozen=True, slots=True)
class Route:
    """`{model}` in a path is the served model, with and without `/versions/{version}`.

    The model answers where there is a `codec` (a name in `Core.codecs`), the server itself where there is not: by
    `answer`, or by `reply`, which reads the body. `page` answers browsers, in place of `answer`.
    """

    method: str
    path: str
    answer: Callable[[App], Reply] | None = None
    codec: str | None = None
    page: Callable[[App], Reply] | None = None
    reply: Callable[[App, bytes], Reply] | None = None


ROUTES = (
    Route("GET", "/", answer=_alive, page=_page),  # KServe's v1 clients ask here whether the server lives
    Route("GET", "/openapi.json", answer=_openapi),
    Route("GET", "/v2", answer=_server_metadata),
    Route("GET", "/v2/health/live", answer=_live),
    Route("GET", "/v2/health/ready", answer=_ready),
    Route("GET", "/v2/models/{model}", answer=_model_metadata),
    Route("GET", "/v2/models/{model}/ready", answer=_model_ready),
    Route("POST", "/v2/models/{model}/infer", codec="openinference"),
    Route("POST", "/model/predict", codec="predict"),
    Route("POST", "/v1/models/{model}:predict", codec="instances"),
    Route("GET", "/v1/models", answer=_v1_models),
    Route("GET", "/v1/models/{model}", answer=_model_ready),
    Route("POST", "/v2/repository/index", reply=repository.answer),
    Route("GET", "/metrics", answer=_metrics),
    Route("GET", "/modelway/serving", answer=_serving),
    Route("GET", "/modelway/state", answer=_state),
)
UNKNOWN = "other"  # the metrics' label of every path that is not in the table: paths are the callers' choice


def versions(app: App) -> list[str]:
    """What may stand behind `/versions/` in a path."""
    return [version for version in (app.settings.model_version, app.settings.revision) if version]


class Router:
    """The routes of one server: exact paths to endpoints."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.endpoints: dict[str, dict[str, Endpoint]] = {}
        self.pages: dict[str, Endpoint] = {}
        for route in ROUTES:
            for path in self._paths(route.path, versions(app)):
                self.endpoints.setdefault(path, {})[route.method] = self._endpoint(route)
                if route.page is not None:
                    self.pages[path] = Endpoint(route.path, answer=_whatever(partial(route.page, app)))

    def _paths(self, path: str, versions: list[str]) -> list[str]:
        if "{model}" not in path:
            return [path]
        models = [self.app.name, *(f"{self.app.name}/versions/{version}" for version in versions)]
        return [path.replace("{model}", model) for model in models]

    def _endpoint(self, route: Route) -> Endpoint:
        if route.codec is not None:
            return Endpoint(route.path, codec=route.codec)
        if route.reply is not None:
            return Endpoint(route.path, answer=partial(route.reply, self.app))
        assert route.answer is not None
        return Endpoint(route.path, answer=_whatever(partial(route.answer, self.app)))

    def find(self, method: str, target: str, html: bool = False) -> Endpoint:
        """The endpoint of a request target (origin or absolute form); errors are endpoints too.

        `html`: whether whoever asks is a browser.
        """
        path = target.partition("?")[0]
        if "://" in path[:8]:
            path = "/" + path.partition("://")[2].partition("/")[2]
        methods = self.endpoints.get(path) or self.endpoints.get(_normal(path))
        if methods is None and repository.CONTROL.fullmatch(_normal(path)):
            return _refusing(MethodNotAllowed(repository.no_control(self.app), ""))
        if methods is None:
            return _refusing(NotFound(self._not_found(_normal(path))))
        found = methods.get("GET" if method == "HEAD" else method)
        if found is None:
            allow = ", ".join(sorted(methods) + (["HEAD"] if "GET" in methods else []))
            return _refusing(MethodNotAllowed(f"{path} answers {allow}, not {method}.", allow))
        return self.pages.get(path, found) if html else found

    def _not_found(self, path: str) -> str:
        parts = path.split("/")
        if parts[1:2] in (["v1"], ["v2"]) and parts[2:3] == ["models"] and len(parts) > 3:
            model = parts[3] if len(parts) > 4 else parts[3].partition(":")[0]
            if model != self.app.name:
                return f"There is no model '{model}' here; this server has '{self.app.name}'."
            if parts[4:5] == ["versions"] and len(parts) > 5:
                asked = parts[5].partition(":")[0]
                version = self.app.settings.model_version or self.app.settings.revision
                has = f"version '{version}'" if version else "no versions; leave out /versions/…"
                return f"There is no version '{asked}' of '{self.app.name}' here; this server has {has}."
        return f"There is nothing at {path}. Infer at /v2/models/{self.app.name}/infer or /model/predict."


def _normal(path: str) -> str:
    """Percent-decoded, without a trailing slash."""
    return unquote(path).rstrip("/") or "/"


def _refusing(error: RequestError) -> Endpoint:
    return Endpoint(UNKNOWN, answer=_whatever(partial(refusal, error)))


def _whatever(answer: Callable[[], Reply]) -> Callable[[bytes], Reply]:
    """Of an answer that no body changes."""
    return lambda _: answer()
