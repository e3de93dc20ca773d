"""The contract of operator and server: ARCHITECTURE.md says it, both keep to it, neither imports the other."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from modelserver import errors, termination
from modelserver.artifact import expected
from modelserver.server.routes import ROUTES
from modelserver.settings import FetchSettings, ServeSettings, read
from modelway.api.resource import parse_spec
from modelway.decide.digests import reported
from modelway.decide.revision import revision_hash, snapshot
from modelway.manifests import names, runtime
from modelway.manifests.config_map import traffic_config_map
from modelway.manifests.pod import pod_template
from modelway.world import ContainerState, Pod, Resource, Revision

ARCHITECTURE = (Path(__file__).parents[2] / "ARCHITECTURE.md").read_text()
START = datetime(2026, 1, 1, tzinfo=UTC)
DIGEST = "sha256:" + "a" * 64

FULL: dict[str, Any] = {
    "model": {"uri": "pvc://models/digits/", "digest": DIGEST, "version": "7"},
    "serving": {"name": "digits", "threads": 4, "warmup": {"requests": 5}},
}
LEAST: dict[str, Any] = {"model": {"uri": "s3://models/digits/"}}


def pod(spec: dict[str, Any]) -> dict[str, Any]:
    """The pod that the operator makes of a spec."""
    parsed = parse_spec(spec)
    data = snapshot(parsed, "modelserver:1")
    revision = Revision("digits", revision_hash(data), 1, data, parsed.model, parsed.serving, "modelserver:1")
    found: dict[str, Any] = pod_template(revision)["spec"]
    return found


def environment(container: dict[str, Any]) -> dict[str, str]:
    """A container's variables."""
    return {variable["name"]: variable["value"] for variable in container["env"]}


@pytest.mark.parametrize("spec", [FULL, LEAST])
@pytest.mark.parametrize(("kind", "containers"), [(FetchSettings, "initContainers"), (ServeSettings, "containers")])
def test_the_server_reads_all_that_the_operator_sets(kind: Any, containers: str, spec: dict[str, Any]) -> None:
    given = environment(pod(spec)[containers][0])
    known = {field.metadata["env"] for field in dataclasses.fields(kind)}
    assert given.keys() <= known
    read(kind, {}, given)  # raises BadSettings where a value is none


def test_values_arrive_as_they_were_meant() -> None:
    found = pod(FULL)
    fetch = read(FetchSettings, {}, environment(found["initContainers"][0]))
    serve = read(ServeSettings, {}, environment(found["containers"][0]))
    assert (fetch.model_uri, fetch.model_digest, fetch.model_max_bytes) == ("pvc://models/digits/", DIGEST, 10 * 2**30)
    assert (serve.model_name, serve.model_version, serve.threads, serve.warmup_requests) == ("digits", "7", 4, 5)
    assert serve.http_port == names.HTTP_PORT
    assert read(ServeSettings, {}, environment(pod(LEAST)["containers"][0])).threads is None


def test_both_know_the_same_places() -> None:
    fetch, serve = FetchSettings(), ServeSettings()
    assert str(fetch.model_dir) == str(serve.model_dir) == runtime.MODEL_PATH
    assert str(fetch.traffic_dir) == str(serve.traffic_dir) == runtime.TRAFFIC_PATH
    assert str(fetch.source_dir) == runtime.SOURCE_PATH
    assert str(fetch.termination_log) == str(serve.termination_log) == runtime.TERMINATION_MESSAGE_PATH
    assert expected.DOCUMENT == runtime.TRAFFIC_KEY


def test_the_server_has_finished_before_the_kubelet_kills_it() -> None:
    serve = read(ServeSettings, {}, environment(pod(LEAST)["containers"][0]))
    longest = serve.drain_seconds + serve.drain_alone_seconds + serve.drain_grace_seconds
    assert serve.drain_alone_seconds > 0
    assert longest < pod(LEAST)["terminationGracePeriodSeconds"]


def test_probes_ask_for_paths_that_the_server_has() -> None:
    paths = {route.path for route in ROUTES}
    assert {runtime.LIVE_PATH, runtime.READY_PATH, runtime.SERVING_PATH} <= paths


def test_both_know_the_same_reasons_of_failure() -> None:
    said = {kind.__name__ for kind in errors.ContainerError.__subclasses__()}
    assert said == set(runtime.FAILURES)


def test_the_operator_reads_the_digest_that_fetch_reports() -> None:
    message = termination.success_message(DIGEST, 123) + "\n"
    fetched = ContainerState(runtime.FETCH_CONTAINER, True, True, 0, exit_code=0, exit_message=message)
    assert reported(Pod("p", "u", "r", "Running", "n", True, False, START, START, "", (fetched,))) == DIGEST


def test_fetch_finds_the_digest_that_the_operator_recorded(tmp_path: Path) -> None:
    resource = Resource("ml", "digits", "u", 1, START, False, {}, {})
    manifest = traffic_config_map(resource, {"generation": 1, "digests": {"6f9c81ab2d": DIGEST}})
    for name, text in manifest["data"].items():
        (tmp_path / name).write_text(text)
    assert expected.recorded_digest(tmp_path, "6f9c81ab2d") == DIGEST
    assert expected.recorded_digest(tmp_path, "another") is None
    assert json.loads(text).keys() == {"generation", "digests"}


def test_architecture_names_every_variable_and_every_reason() -> None:
    variables = [
        value for value in vars(runtime).values() if isinstance(value, str) and value.startswith("MODELSERVER_")
    ]
    assert len(variables) == 16
    for word in (*variables, *runtime.FAILURES):
        assert f"`{word}`" in ARCHITECTURE
