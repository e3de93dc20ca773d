"""Pods for the comparison on a cluster: servers as the operator makes them, and the one that loads them. Pure.

A ModelDeployment can't carry every setting that is compared (MODELSERVER_ names are the operator's), so the servers are
bare pods: the operator's own pod template of a ModelDeployment with this CPU limit, and only then settings by hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from e2e.pods import script_pod
from modelway.api.resource import parse_spec
from modelway.decide.revision import target
from modelway.manifests import names
from modelway.manifests.pod import pod_template

DEPLOYMENT = "quota"
LOADER = "load"
FILES = "/files"
PORT = 8080


def server_pod(
    setting: str, settings: Mapping[str, str], image: str, uri: str, model: str, quota: float
) -> dict[str, Any]:
    """A server of the model at `uri` with a limit of `quota` CPUs, named by its setting."""
    resources = {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"cpu": f"{quota * 1000:.0f}m"}}
    spec = parse_spec({"model": {"uri": uri}, "serving": {"name": model, "resources": resources}})
    template = pod_template(target(DEPLOYMENT, spec, image, {}))
    [server] = template["spec"]["containers"]
    given = {variable["name"]: variable for variable in server["env"]}
    server["env"] = list((given | {name: {"name": name, "value": value} for name, value in settings.items()}).values())
    # Not the operator's labels: it would take the pod for one of its own.
    metadata = {"name": f"{model}-{quota * 1000:.0f}m-{setting}", "labels": {"bench": "quota"}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}


def traffic() -> dict[str, Any]:
    """The ConfigMap that the operator's pods mount: nothing is shared with anybody."""
    metadata = {"name": names.traffic_config_map(DEPLOYMENT)}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {}}


def loader_pod(namespace: str, image: str) -> dict[str, Any]:
    """The pod that sends the load, and hands out the models that are put into FILES."""
    command = ["python3", "-m", "http.server", str(PORT), "--directory", FILES]
    _, pod = script_pod(LOADER, namespace, image, command, {})
    pod["spec"]["volumes"] = [{"name": "files", "emptyDir": {}}]
    return pod
