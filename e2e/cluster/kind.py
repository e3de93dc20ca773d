"""The provider `kind`, for machines with a Docker engine, as most developers have.

Not tested where this project was built: no Docker engine runs there. It needs the commands `kind`, `docker` and
`kubectl`, and, for `kubectl top` and autoscaling by CPU, a metrics-server that you install yourself.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from .commands import ClusterError, CommandFailed, run
from .progress import say
from .settings import DEFAULT_NODES, cache

NAME = "modelway-e2e"
POLICY = {
    "apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata"}],
}  # fmt: skip
PATCH = """kind: ClusterConfiguration
apiServer:
  extraArgs: {audit-log-path: /audit/audit.log, audit-policy-file: /audit/policy.json, audit-log-maxsize: "4096"}
  extraVolumes: [{name: audit, hostPath: /audit, mountPath: /audit, pathType: DirectoryOrCreate}]
controllerManager:
  extraArgs: {horizontal-pod-autoscaler-sync-period: 5s, node-monitor-grace-period: 20s}
"""


def _folder() -> Path:
    return cache() / "kind"


def unavailable() -> str:
    for program in ("docker", "kind", "kubectl"):
        if not shutil.which(program):
            return f"the kind provider needs the command {program}"
    try:
        run(["docker", "info"], timeout=15)
    except CommandFailed:
        return "the kind provider needs a running Docker engine"
    return ""


def up(count: int | None) -> None:
    if NAME in run(["kind", "get", "clusters"]).split() and not status():
        say(f"the kind cluster {NAME} is up")
        return
    audit = _folder() / "audit"
    audit.mkdir(parents=True, exist_ok=True)
    (audit / "policy.json").write_text(json.dumps(POLICY))
    mount = {"hostPath": str(audit), "containerPath": "/audit"}
    workers = [{"role": "worker"}] * (count or DEFAULT_NODES)
    plane = {"role": "control-plane", "kubeadmConfigPatches": [PATCH], "extraMounts": [mount]}
    document = {"kind": "Cluster", "apiVersion": "kind.x-k8s.io/v1alpha4", "nodes": [plane, *workers]}
    (_folder() / "kind.json").write_text(json.dumps(document))
    say(f"creating the kind cluster {NAME} with {len(workers)} workers")
    flags = [f"--config={_folder() / 'kind.json'}", f"--kubeconfig={config()}", "--wait=180s"]
    run(["kind", "create", "cluster", f"--name={NAME}", *flags], timeout=900)


def down() -> None:
    run(["kind", "delete", "cluster", f"--name={NAME}"], timeout=300)
    shutil.rmtree(_folder(), ignore_errors=True)


def status() -> str:
    try:
        run(["kubectl", f"--kubeconfig={config()}", "wait", "node", "--all", "--for=condition=Ready", "--timeout=5s"])
    except CommandFailed as failed:
        return failed.output.strip()
    return ""


def config() -> Path:
    return _folder() / "kubeconfig"


def node_names() -> list[str]:
    names = run(["kind", "get", "nodes", f"--name={NAME}"]).split()
    return sorted(name for name in names if "control-plane" not in name)


def build_image(dockerfile: Path, context: Path, names: Sequence[str]) -> None:
    tags = [f"--tag={name}" for name in names]
    run(["docker", "build", *tags, f"--file={dockerfile}", context], timeout=1800)
    run(["kind", "load", "docker-image", f"--name={NAME}", *names], timeout=600)


def load_image(archive_or_image: str) -> None:
    what = "image-archive" if Path(archive_or_image).exists() else "docker-image"
    run(["kind", "load", what, f"--name={NAME}", archive_or_image], timeout=600)


def images_key() -> str:
    return run(["docker", "inspect", "--format={{.Id}}", *node_names()])


def _process_of(node: str) -> str:
    return run(["docker", "inspect", "--format={{.State.Pid}}", node]).strip()


def inside(argv: Sequence[str]) -> list[str]:
    """In the control plane container's network; needs root on the engine's own machine."""
    return ["nsenter", f"--net=/proc/{_process_of(f'{NAME}-control-plane')}/ns/net", "--", *argv]


def stop_node(name: str) -> None:
    run(["docker", "pause", name])


def start_node(name: str) -> None:
    run(["docker", "unpause", name])


def audit_log() -> Path:
    return _folder() / "audit" / "audit.log"


def control_plane_pids() -> dict[str, int]:
    found: dict[str, int] = {}
    for line in run(["docker", "top", f"{NAME}-control-plane", "-eo", "pid,comm"]).splitlines()[1:]:
        process, command = line.split(None, 1)
        if command.startswith(("etcd", "kube-")):
            found[command.strip()] = int(process)
    if not found:
        raise ClusterError("no control plane process was found in the kind container")
    return found
