"""Models over http and https: one file a URL, resumed by Range only where the server can prove that it is the same."""

import http.client
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from modelserver.artifact.directory import SUFFIXES
from modelserver.artifact.source import CHUNK_BYTES, Interrupted, Part, RemoteFile, without_secrets
from modelserver.errors import BadSettings, ContainerError, ModelAccessDenied, ModelNotFound, ModelSourceUnreachable

ERROR_BY_STATUS: dict[int, type[ContainerError]] = {
    401: ModelAccessDenied,
    403: ModelAccessDenied,
    404: ModelNotFound,
    410: ModelNotFound,
}
WORTH_ANOTHER_TRY = frozenset({408, 425, 429, 500, 502, 503, 504})
RANGE_NOT_SATISFIABLE = 416


class _Redirects(urllib.request.HTTPRedirectHandler):
    """At most five, only to http(s), and never from https down to http."""

    max_redirections = 5

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        scheme = urlsplit(newurl).scheme
        if scheme not in ("http", "https") or (req.type == "https" and scheme != "https"):
            old, new = without_secrets(req.full_url), without_secrets(newurl)
            raise ModelSourceUnreachable(f"{old} redirects to {new}, which is not safe to follow.")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class HttpSource:
    """`timeout`: seconds without a byte before the connection counts as broken."""

    def __init__(self, uri: str, timeout: float) -> None:
        parts = urlsplit(uri)
        if not parts.hostname:
            raise BadSettings(f"MODELSERVER_MODEL_URI is {without_secrets(uri)!r}, which names no host.")
        if "@" in parts.netloc:
            raise BadSettings(
                f"MODELSERVER_MODEL_URI holds a user name before {parts.hostname}; a URI is no place for credentials."
            )
        self.uri, self.shown, self.timeout = uri, without_secrets(uri), timeout
        self.opener = urllib.request.build_opener(_Redirects)

    def files(self) -> tuple[Sequence[RemoteFile], bool]:
        name = unquote(PurePosixPath(urlsplit(self.uri).path).name)
        usable = name.endswith(SUFFIXES) and name.isprintable() and "/" not in name and "\\" not in name
        return [RemoteFile(name if usable else "model.onnx", self.uri, None)], False

    def open(self, file: RemoteFile, offset: int, validator: str | None) -> Part:
        headers = {"User-Agent": "modelserver", "Accept-Encoding": "identity"}
        resuming = offset > 0 and validator is not None
        if resuming and validator:
            headers |= {"Range": f"bytes={offset}-", "If-Range": validator}
        try:
            response = self.opener.open(urllib.request.Request(file.key, headers=headers), timeout=self.timeout)
        except urllib.error.HTTPError as answer:
            answer.close()
            if answer.code == RANGE_NOT_SATISFIABLE and resuming:
                return self.open(file, 0, None)
            raise self._refusal(answer.code) from None
        except (OSError, http.client.HTTPException) as problem:
            raise Interrupted(f"{self.shown} could not be reached: {_cause(problem)}") from None
        return self._part(response, offset if resuming else 0)

    def _part(self, response: Any, asked: int) -> Part:
        validator = response.headers.get("ETag")
        if validator is None or validator.startswith("W/"):  # a weak one does not promise the same bytes
            validator = response.headers.get("Last-Modified")
        length = response.headers.get("Content-Length", "")
        size = int(length) if length.isdigit() else None
        offset = 0
        if response.status == HTTPStatus.PARTIAL_CONTENT:
            unit, _, rest = response.headers.get("Content-Range", "").partition(" ")
            first, _, _ = rest.partition("-")
            if unit != "bytes" or first != str(asked):
                raise Interrupted(f"{self.shown} answered another range than the one asked for")
            offset = asked
        return Part(offset, None if size is None else offset + size, validator, self._chunks(response))

    def _chunks(self, response: Any) -> Iterator[bytes]:
        with response:
            while True:
                try:
                    # read1: what has arrived, so that a break loses nothing that came before it.
                    chunk = response.read1(CHUNK_BYTES)
                except (OSError, http.client.HTTPException) as problem:
                    raise Interrupted(f"The connection to {self.shown} broke: {_cause(problem)}") from None
                if not chunk:
                    return
                yield chunk

    def _refusal(self, code: int) -> Exception:
        # The standard's phrase, not the server's: that one may hold anything, a redirect's signed URL included.
        phrase = HTTPStatus(code).phrase if code in HTTPStatus._value2member_map_ else "(no HTTP status)"
        sentence = f"{self.shown} answered {code} {phrase}"
        if code in WORTH_ANOTHER_TRY:
            return Interrupted(sentence)
        return ERROR_BY_STATUS.get(code, ModelSourceUnreachable)(f"{sentence}. Check spec.model.uri.")


def _cause(problem: BaseException) -> str:
    """The innermost cause in words: `[Errno 111] Connection refused` → `connection refused`."""
    inner = getattr(problem, "reason", None)
    if isinstance(inner, BaseException):
        return _cause(inner)
    if isinstance(problem, TimeoutError):
        return "nothing came in time"
    if isinstance(problem, socket.gaierror):
        return f"the name can't be resolved ({problem.strerror})"
    if isinstance(problem, OSError) and problem.strerror:
        return problem.strerror[0].lower() + problem.strerror[1:]
    return str(problem) or type(problem).__name__
