"""Models in S3 and what speaks like it: `s3://bucket/key` is a file if there is such an object, else a folder.

Credentials, region and endpoint come from the usual `AWS_*` environment variables, read by obstore itself.
"""

import os
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import unquote, urlsplit

from modelserver.artifact.source import CHUNK_BYTES, Interrupted, Part, RemoteFile, safe_path
from modelserver.errors import BadSettings, ContainerError, ModelAccessDenied, ModelNotFound, ModelSourceUnreachable

HINT = "Check spec.model.uri, the credentials and AWS_ENDPOINT_URL."
CONDITION_FAILED = "PreconditionError"
# obstore's exceptions by name: importing them by class would import obstore before it is needed.
ERROR_BY_NAME: dict[str, type[ContainerError]] = {
    "FileNotFoundError": ModelNotFound,
    "NotFoundError": ModelNotFound,
    "InvalidPathError": ModelNotFound,
    "PermissionDeniedError": ModelAccessDenied,
    "UnauthenticatedError": ModelAccessDenied,
    "NotSupportedError": ModelSourceUnreachable,
}


class S3Source:
    """`timeout`: seconds that one request may take to begin answering."""

    def __init__(self, uri: str, timeout: float) -> None:
        parts = urlsplit(uri)
        if not parts.netloc or "@" in parts.netloc:
            raise BadSettings(f"MODELSERVER_MODEL_URI is {uri!r}, but it must look like s3://bucket/key.")
        self.shown, self.bucket, self.key = uri, parts.netloc, unquote(parts.path).strip("/")
        self.store = _store(self.bucket, timeout)

    def files(self) -> tuple[Sequence[RemoteFile], bool]:
        import obstore  # only this source pays for it

        if self.key and not self.shown.endswith("/"):
            try:
                head = obstore.head(self.store, self.key)
                return [RemoteFile(self.key.rpartition("/")[2], self.key, head["size"])], False
            except FileNotFoundError:
                pass  # not an object: then it must be a folder
            except Exception as problem:  # translated, see below
                raise self._translated(problem) from None
        try:
            found = [meta for page in obstore.list(self.store, prefix=self.key or None) for meta in page]
        except Exception as problem:
            raise self._translated(problem) from None
        prefix = f"{self.key}/" if self.key else ""
        files = [
            RemoteFile(safe_path(meta["path"].removeprefix(prefix), self.shown), meta["path"], meta["size"])
            for meta in found
            if meta["path"].startswith(prefix) and not meta["path"].endswith("/")
        ]
        if not files:
            raise ModelNotFound(f"{self.shown} names neither an object nor a folder with objects. {HINT}")
        return files, True

    def open(self, file: RemoteFile, offset: int, validator: str | None) -> Part:
        import obstore

        resuming = offset > 0 and validator is not None
        options = {"range": {"offset": offset}, "if_match": validator} if resuming else None
        try:
            result = obstore.get(self.store, file.key, options=options)
        except Exception as problem:
            if resuming and type(problem).__name__ == CONDITION_FAILED:
                return self.open(file, 0, None)
            raise self._translated(problem) from None
        first = offset if resuming else 0
        return Part(first, result.meta["size"], result.meta["e_tag"], self._chunks(result))

    def _chunks(self, result: Any) -> Iterator[bytes]:
        try:
            for chunk in result.stream(min_chunk_size=CHUNK_BYTES):
                yield bytes(chunk)
        except Exception as problem:
            raise self._translated(problem) from None

    def _translated(self, problem: Exception) -> Exception:
        """Ours for obstore's. Unknown ones count as a bad moment: tried again, a bounded number of times."""
        words = _first_sentence(problem)
        kind = ERROR_BY_NAME.get(type(problem).__name__)
        if kind is None:
            return Interrupted(f"{self.shown} could not be read: {words}")
        return kind(f"{self.shown}: {words}. {HINT}")


def _store(bucket: str, timeout: float) -> Any:
    from obstore.store import S3Store

    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
    client: dict[str, Any] = {"timeout": timedelta(hours=12), "connect_timeout": timedelta(seconds=timeout)}
    if endpoint.startswith("http://"):  # whoever writes an http endpoint down has decided
        client["allow_http"] = True
    retry = {"max_retries": 2, "retry_timeout": timedelta(seconds=timeout)}
    try:
        return S3Store(bucket, client_options=client, retry_config=retry)
    except Exception as problem:
        raise BadSettings(f"The AWS_* settings for s3://{bucket} are wrong: {_first_sentence(problem)}.") from None


def _first_sentence(problem: Exception) -> str:
    """obstore's messages go on for pages (the Debug form of the error follows the words)."""
    line = str(problem).strip().splitlines()[0] if str(problem).strip() else type(problem).__name__
    return line[:300].rstrip(". ")
