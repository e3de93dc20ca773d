# ruff: noqa: RUF009 - setting() gives a dataclasses.field, which is what the rule allows
"""Every setting, once: its environment variable, flag, default, check and explanation.

A setting is a field of `ServeSettings` or `FetchSettings`. Its flag is the field's name with dashes
(`http_port` → `--http-port`) and wins over the environment variable. `ARCHITECTURE.md` lists the variables that
the operator sets; `tests/contract/` holds both sides to it.
"""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from modelserver.checks import (
    GIB,
    MIB,
    digest,
    header_text,
    http_url,
    octal,
    one_of,
    pairs,
    seconds,
    share,
    size,
    threads,
    whole,
)
from modelserver.errors import BadSettings
from modelserver.providers import Provider
from modelserver.providers import parse as parse_providers
from modelserver.tracing.sampling import SAMPLERS


def setting(env: str, parse: Callable[[str], Any], default: Any, explanation: str) -> Any:
    """A dataclass field that carries its variable's name, check and explanation."""
    return dataclasses.field(default=default, metadata={"env": env, "parse": parse, "help": explanation})


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeSettings:
    """Settings of `modelserver serve`. Times are seconds, sizes bytes."""

    model_dir: Path = setting("MODELSERVER_MODEL_DIR", Path, Path("/models"), "where `modelserver fetch` put the model")
    model_name: str | None = setting(
        "MODELSERVER_MODEL_NAME", header_text, None, "the model's name in URLs; default: the file's name, or 'model'"
    )
    model_version: str | None = setting(
        "MODELSERVER_MODEL_VERSION", header_text, None, "a version for people, answered in x-modelway-version"
    )
    revision: str | None = setting(
        "MODELSERVER_REVISION", header_text, None, "the revision's hash, answered in x-modelway-revision"
    )
    traffic_dir: Path = setting(
        "MODELSERVER_TRAFFIC_DIR", Path, Path("/etc/modelway/traffic"), "folder of the traffic document, if any"
    )
    http_host: str = setting("MODELSERVER_HTTP_HOST", str, "", "address to listen on; default: all, IPv4 and IPv6")
    http_port: int = setting("MODELSERVER_HTTP_PORT", whole(0, 65535), 8080, "port to listen on; 0 picks a free one")
    grpc_port: int = setting(
        # Off unless asked for: importing gRPC costs a start 0.1 s and a pod 7 MiB.
        "MODELSERVER_GRPC_PORT",
        whole(0, 65535),
        0,
        "port for gRPC, on the same address; 0 is off",
    )
    unix_socket: Path | None = setting(
        "MODELSERVER_UNIX_SOCKET", Path, None, "path of a Unix domain socket to listen on, too; removed at the end"
    )
    unix_socket_mode: int = setting("MODELSERVER_UNIX_SOCKET_MODE", octal, 0o660, "its permissions, such as 0660")
    tls_cert: Path | None = setting(
        "MODELSERVER_TLS_CERT", Path, None, "PEM certificate chain: the port speaks TLS only; read anew when it changes"
    )
    tls_key: Path | None = setting("MODELSERVER_TLS_KEY", Path, None, "PEM private key of MODELSERVER_TLS_CERT")
    api_keys_file: Path | None = setting(
        "MODELSERVER_API_KEYS_FILE",
        Path,
        None,
        "file of the keys that may ask, one a line, plain or sha256:…; read anew when it changes",
    )
    access_log_sample: float = setting(
        "MODELSERVER_ACCESS_LOG_SAMPLE", share, 0.0, "part of the requests that is logged, a JSON line each: 0 to 1"
    )
    otlp_endpoint: str | None = setting(
        "OTEL_EXPORTER_OTLP_ENDPOINT", http_url, None, "an OpenTelemetry collector's address; traces go to /v1/traces"
    )
    otlp_traces_endpoint: str | None = setting(
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", http_url, None, "the whole address that traces go to, in its place"
    )
    otlp_headers: Mapping[str, str] | None = setting(
        "OTEL_EXPORTER_OTLP_HEADERS", pairs, None, "headers of each export, key=value with commas between"
    )
    otlp_protocol: str = setting(
        # The others are OpenTelemetry's, refused only where traces are on: such variables are often set for all pods.
        "OTEL_EXPORTER_OTLP_PROTOCOL",
        one_of("http/json", "http/protobuf", "grpc"),
        "http/json",
        "how traces are written: http/json",
    )
    traces_sampler: str = setting(
        "OTEL_TRACES_SAMPLER", one_of(*SAMPLERS), "parentbased_always_on", "which requests are traced"
    )
    traces_sampler_arg: float = setting(
        "OTEL_TRACES_SAMPLER_ARG", share, 1.0, "the part that a sampler of the traceidratio kind takes: 0 to 1"
    )
    service_name: str | None = setting(
        "OTEL_SERVICE_NAME", header_text, None, "service.name in traces; default: the model's name"
    )
    resource_attributes: Mapping[str, str] | None = setting(
        "OTEL_RESOURCE_ATTRIBUTES",
        pairs,
        None,
        "more of its attributes in traces, key=value with commas between",
    )
    threads: int | None = setting(
        "MODELSERVER_THREADS", threads, None, "ONNX Runtime's threads; auto: from the CPU quota and affinity"
    )
    spinning: str = setting(
        "MODELSERVER_SPINNING",
        one_of("auto", "on", "off"),
        "auto",
        "whether ONNX Runtime's threads spin while they wait; auto: only without a CPU quota",
    )
    providers: tuple[Provider, ...] = setting(
        "MODELSERVER_PROVIDERS",
        parse_providers,
        (),
        "ONNX Runtime's execution providers in order, such as cuda:device_id=0,cpu; auto: the CPU",
    )
    warmup_requests: int = setting(
        "MODELSERVER_WARMUP_REQUESTS", whole(0, 10_000), 3, "synthetic requests answered before the server is ready"
    )
    execution: str = setting(
        "MODELSERVER_EXECUTION",
        one_of("auto", "inline", "thread"),
        "auto",
        "where the model runs: inline (in the event loop), thread, or auto (inline below 1 ms, measured at start)",
    )
    batching: str = setting(
        "MODELSERVER_BATCHING",
        one_of("auto", "off", "on"),
        "auto",
        "run waiting requests as one: auto (where the start-up probe finds it right and worthwhile), off, "
        "or on (wherever it is right)",
    )
    max_batch_size: int = setting("MODELSERVER_MAX_BATCH_SIZE", whole(1, 65536), 32, "rows of one batch")
    max_queued_bytes: int = setting(
        "MODELSERVER_MAX_QUEUED_BYTES", size, 256 * MIB, "input tensors that wait for the model (503 beyond)"
    )
    max_body_bytes: int = setting("MODELSERVER_MAX_BODY_BYTES", size, 64 * MIB, "largest request body (413 beyond)")
    max_header_bytes: int = setting("MODELSERVER_MAX_HEADER_BYTES", size, 32 * 1024, "largest head (431 beyond)")
    max_buffered_bytes: int = setting(
        "MODELSERVER_MAX_BUFFERED_BYTES", size, 256 * MIB, "unfinished request bodies of all connections (503 beyond)"
    )
    max_connections: int = setting("MODELSERVER_MAX_CONNECTIONS", whole(1), 4096, "open connections (503 beyond)")
    max_in_flight: int = setting(
        "MODELSERVER_MAX_IN_FLIGHT", whole(1), 256, "requests waiting for or running in worker threads (503 beyond)"
    )
    header_timeout: float = setting(
        "MODELSERVER_HEADER_TIMEOUT_SECONDS", seconds, 10.0, "time for a request's head, from its first byte (408)"
    )
    body_timeout: float = setting("MODELSERVER_BODY_TIMEOUT_SECONDS", seconds, 60.0, "time for a request's body (408)")
    write_timeout: float = setting(
        "MODELSERVER_WRITE_TIMEOUT_SECONDS", seconds, 30.0, "time a client may leave an answer unread"
    )
    idle_timeout: float = setting(
        # Longer than the usual load balancers' own (60 to 600 s): whoever closes first must be the client, because
        # a server that closes may do so at the very moment when a request is on its way.
        "MODELSERVER_IDLE_TIMEOUT_SECONDS",
        seconds,
        650.0,
        "time a kept-alive connection may stay without a request",
    )
    drain_seconds: float = setting(
        "MODELSERVER_DRAIN_SECONDS", seconds, 20.0, "after SIGTERM: how long to go on accepting and answering"
    )
    drain_alone_seconds: float = setting(
        # The only ready pod of a model is taken away: its place is empty until another one has loaded the model.
        "MODELSERVER_DRAIN_ALONE_SECONDS",
        seconds,
        0.0,
        "after the drain: how much longer to answer while requests come on new connections, for then nobody else does",
    )
    drain_min_seconds: float = setting(
        # Endpoints take a moment to leave every node's rules; until then new connections still arrive here.
        "MODELSERVER_DRAIN_MIN_SECONDS",
        seconds,
        5.0,
        "after SIGTERM: how long to wait for late connections though none is open",
    )
    drain_grace_seconds: float = setting(
        "MODELSERVER_DRAIN_GRACE_SECONDS", seconds, 7.0, "after the drain: time for requests that are under way"
    )
    termination_log: Path = setting(
        "MODELSERVER_TERMINATION_LOG", Path, Path("/dev/termination-log"), "where the last word goes, if it exists"
    )

    @property
    def traced(self) -> bool:
        """Whether a collector of traces is named."""
        return bool(self.otlp_endpoint or self.otlp_traces_endpoint)


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchSettings:
    """Settings of `modelserver fetch`. Times are seconds, sizes bytes."""

    model_uri: str | None = setting(
        "MODELSERVER_MODEL_URI", str, None, "http(s)://…, s3://bucket/key, pvc://claim/path, file:///path or a path"
    )
    model_digest: str | None = setting(
        "MODELSERVER_MODEL_DIGEST", digest, None, "the only content to accept, sha256:…; default: the recorded one"
    )
    model_max_bytes: int = setting("MODELSERVER_MODEL_MAX_BYTES", size, 10 * GIB, "largest model to fetch")
    model_dir: Path = setting("MODELSERVER_MODEL_DIR", Path, Path("/models"), "where content/ and artifact.json go")
    source_dir: Path = setting("MODELSERVER_SOURCE_DIR", Path, Path("/source"), "where pvc://claim is mounted")
    revision: str | None = setting(
        "MODELSERVER_REVISION", header_text, None, "the revision's hash, to find its recorded digest"
    )
    traffic_dir: Path = setting(
        "MODELSERVER_TRAFFIC_DIR", Path, Path("/etc/modelway/traffic"), "folder of the traffic document, if any"
    )
    fetch_timeout: float = setting(
        "MODELSERVER_FETCH_TIMEOUT_SECONDS", seconds, 30.0, "time without a byte before a connection counts as broken"
    )
    fetch_attempts: int = setting(
        "MODELSERVER_FETCH_ATTEMPTS", whole(1, 100), 5, "tries in a row that may bring nothing new"
    )
    termination_log: Path = setting(
        "MODELSERVER_TERMINATION_LOG", Path, Path("/dev/termination-log"), "where the last word goes, if it exists"
    )


Settings = TypeVar("Settings", ServeSettings, FetchSettings)


def flag(field_name: str) -> str:
    return "--" + field_name.replace("_", "-")


def read(kind: type[Settings], flags: Mapping[str, str | None], environment: Mapping[str, str]) -> Settings:
    """Settings from flags (by field name) over environment variables over defaults; an empty value counts as absent.

    Raises BadSettings naming the setting, the value and what was expected.
    """
    values: dict[str, Any] = {}
    for field in dataclasses.fields(kind):
        env = field.metadata["env"]
        given, said_by = flags.get(field.name), flag(field.name)
        if not given:
            given, said_by = environment.get(env), env
        if not given:
            continue
        try:
            values[field.name] = field.metadata["parse"](given)
        except ValueError as expected:
            raise BadSettings(
                f"{said_by} is {given!r}, but it must be {expected}. It sets: {field.metadata['help']}."
            ) from None
    return kind(**values)
