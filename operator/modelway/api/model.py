"""``spec.model``: which model is served."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from .field import Matches, Object, text

URI_PATTERN: Final = r"^(https?://[^/@\s]+/\S*|s3://[a-z0-9][a-z0-9.-]*/\S+|pvc://[a-z0-9]([-a-z0-9.]*[a-z0-9])?/\S+)$"
DIGEST_PATTERN: Final = r"^sha256:[0-9a-f]{64}$"
VERSION_PATTERN: Final = r"^[A-Za-z0-9]([A-Za-z0-9._+-]*[A-Za-z0-9])?$"


class Model(Object):
    """Which model is served."""

    uri: Annotated[
        str,
        text(1024),
        Matches(
            URI_PATTERN,
            "uri must be http://host/path, https://host/path, s3://bucket/path or pvc://claim/path, without spaces or"
            " credentials; for example s3://models/digits/7/",
        ),
    ] = Field(
        description="Where the model is: http(s)://host/path, s3://bucket/path, or pvc://claim/path for a"
        " PersistentVolumeClaim"
        " of this namespace. A file (.onnx or .ort), or a folder that holds one."
    )
    digest: (
        Annotated[
            str,
            text(71),
            Matches(DIGEST_PATTERN, "digest must be sha256: and 64 hexadecimal digits, in small letters"),
        ]
        | None
    ) = Field(
        default=None,
        description="Pins the content: pods refuse other bytes. Without it the digest is recorded at the first load and"
        " enforced for as long as the revision lives. A file's sha256; a folder's is the sha256 of its sorted lines"
        " `path size sha256`.",
    )
    version: (
        Annotated[
            str,
            text(63),
            Matches(
                VERSION_PATTERN,
                "version must be letters, digits, '.', '_', '+' or '-', and begin and end with a letter or digit",
            ),
        ]
        | None
    ) = Field(
        default=None,
        description="A label for people: it appears in responses (x-modelway-version), metrics and status. A new"
        " label makes a"
        " new revision, so it is also the way to load the same address again.",
    )
