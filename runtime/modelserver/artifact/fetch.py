"""`modelserver fetch`, on one screen: find the source, download, check, verify, and only then call it the model."""

import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from modelserver.artifact import directory, external, recognise
from modelserver.artifact.digest import FetchedFile, model_digest
from modelserver.artifact.directory import Artifact
from modelserver.artifact.download import Bounds, download
from modelserver.artifact.expected import recorded_digest
from modelserver.artifact.source import Interrupted, Source, without_secrets
from modelserver.errors import BadSettings, DigestMismatch, ModelSourceUnreachable, ModelTooLarge
from modelserver.settings import FetchSettings

SCHEMES = "http, https, s3, pvc, file"


def source_of(uri: str, settings: FetchSettings, environment: Mapping[str, str]) -> Source:
    """The source that a URI names; raises BadSettings for a scheme that there is none for."""
    parts = urlsplit(uri)
    match parts.scheme:
        case "http" | "https":
            from modelserver.artifact.http import HttpSource  # each source pays for its own imports

            return HttpSource(uri, settings.fetch_timeout)
        case "s3":
            from modelserver.artifact.s3 import S3Source

            return S3Source(uri, settings.fetch_timeout)
        case "pvc":
            from modelserver.artifact.disk import DiskSource

            return DiskSource(settings.source_dir / unquote(parts.path).strip("/"), settings.source_dir, uri)
        case "file" | "":
            if "KUBERNETES_SERVICE_HOST" in environment:
                raise BadSettings(f"MODELSERVER_MODEL_URI is {uri!r}, a path; in a cluster use one of {SCHEMES}.")
            from modelserver.artifact.disk import DiskSource

            return DiskSource(Path(unquote(parts.path) if parts.scheme else uri), Path("/"), uri)
    raise BadSettings(f"MODELSERVER_MODEL_URI is {without_secrets(uri)!r}, but its scheme must be one of {SCHEMES}.")


def fetch(settings: FetchSettings, environment: Mapping[str, str] = os.environ) -> Artifact:
    """Fill the model directory; raises a ContainerError. Done already (a restarted container): only says so again."""
    if not settings.model_uri:
        raise BadSettings("MODELSERVER_MODEL_URI is not set. Say where the model is, such as https://host/model.onnx.")
    wanted = _wanted_digest(settings)
    done = directory.read(settings.model_dir)
    if done and done.uri == without_secrets(settings.model_uri) and wanted in (None, done.digest):
        return done
    try:
        return _fetch(settings, source_of(settings.model_uri, settings, environment), wanted)
    except PermissionError as problem:
        raise BadSettings(
            f"{problem.filename} can't be written: {problem.strerror}. Check MODELSERVER_MODEL_DIR."
        ) from None


def _wanted_digest(settings: FetchSettings) -> str | None:
    recorded = recorded_digest(settings.traffic_dir, settings.revision)
    pinned = settings.model_digest
    if pinned and recorded and pinned != recorded:
        raise DigestMismatch(
            f"The pinned digest {pinned} is not the one recorded for revision {settings.revision}, {recorded}."
        )
    return pinned or recorded


def _fetch(settings: FetchSettings, source: Source, wanted: str | None) -> Artifact:
    assert settings.model_uri is not None
    shown = without_secrets(settings.model_uri)
    partial = settings.model_dir / ".partial"
    content = settings.model_dir / directory.CONTENT
    for leftover in (partial, content):
        shutil.rmtree(leftover, ignore_errors=True)
    (settings.model_dir / directory.ARTIFACT).unlink(missing_ok=True)
    partial.mkdir(parents=True)
    files, folder = _download_all(source, partial, settings, shown)
    entry = directory.choose_entry((file.path for file in files), shown)
    origin = f"{shown.rstrip('/')}/{entry}" if folder else shown
    recognise.check(partial / entry, origin)
    external.check(partial / entry, origin)
    digest = model_digest(files, folder)
    if wanted not in (None, digest):
        pinned = bool(settings.model_digest)
        raise DigestMismatch(
            f"{shown} has the digest {digest}, but {wanted} is the one "
            f"{'pinned' if pinned else f'recorded for revision {settings.revision}'}. "
            "The content has changed: put the former back, publish it under a new URI, or accept it "
            f"{'in spec.model.digest' if pinned else 'by a new label in spec.model.version'}."
        )
    partial.rename(content)
    artifact = Artifact(shown, digest, sum(file.size for file in files), len(files), entry)
    directory.write(settings.model_dir, artifact)
    return artifact


def _download_all(source: Source, target: Path, settings: FetchSettings, shown: str) -> tuple[list[FetchedFile], bool]:
    try:
        listed, folder = source.files()
    except Interrupted as problem:
        raise ModelSourceUnreachable(f"{problem}. Check spec.model.uri.") from None
    if folder:
        directory.choose_entry((file.path for file in listed), shown)  # before a byte is spent on it
    if sum(file.size or 0 for file in listed) > settings.model_max_bytes:
        raise ModelTooLarge(
            f"{shown} has {sum(file.size or 0 for file in listed)} bytes, more than MODELSERVER_MODEL_MAX_BYTES "
            f"({settings.model_max_bytes}). Raise the limit, or check spec.model.uri."
        )
    fetched: list[FetchedFile] = []
    left = settings.model_max_bytes
    for file in listed:
        bounds = Bounds(left, settings.model_max_bytes, settings.fetch_attempts)
        fetched.append(download(source, file, target / file.path, bounds, time.sleep))
        left -= fetched[-1].size
    return fetched, folder
