"""`make demo`: the whole story in one command, on a real cluster, with real digits and a load that never retries."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from rich.columns import Columns
from rich.console import Console
from rich.panel import Panel

from e2e.cluster import Cluster, current
from e2e.load import Load, Report, digit_request
from e2e.steps import ROOT, Namespace, install_chart, install_store
from examples.digits.heldout import held_out, picture

NAMESPACE = "modelway-demo"
SHOWN = 5
RATE = 240
console = Console(highlight=False)
started = time.monotonic()


def say(text: str) -> None:
    console.print(f"[dim]{time.monotonic() - started:5.0f} s[/dim]  {text}")


@contextmanager
def step(text: str) -> Iterator[None]:
    """A part of the story, with how long it took."""
    begun = time.monotonic()
    say(f"[bold]{text}[/bold] …")
    yield
    say(f"  done in {time.monotonic() - begun:.1f} s")


def run(*command: str) -> None:
    """One of this project's own commands; its progress is shown as it comes."""
    finished = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, check=False)
    if finished.returncode:
        sys.exit(f"The demo stopped: {' '.join(command)} failed; what it printed last says why.")


@contextmanager
def forwarded(cluster: Cluster, service: str) -> Iterator[str]:
    """The URL at which that service of the demo's namespace can be asked from this machine."""
    command = [*cluster.kubectl_command, "-n", NAMESPACE, "port-forward", f"service/{service}", ":80"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        line = process.stdout.readline() if process.stdout else ""
        if not line.startswith("Forwarding from 127.0.0.1:"):
            raise RuntimeError(f"kubectl port-forward said: {line}")
        yield f"http://127.0.0.1:{line.split(':')[1].split(' ')[0]}"
    finally:
        process.terminate()
        process.wait(timeout=10)


def show_digits(cluster: Cluster) -> None:
    """Send real digits and show each answer beside its picture."""
    pixels, labels = held_out()
    panels = []
    with forwarded(cluster, "digits") as url, httpx.Client(base_url=url, timeout=10) as client:
        for index in range(SHOWN):
            answer = client.post("/v2/models/digits/infer", json=digit_request(index))
            answer.raise_for_status()
            probabilities = answer.json()["outputs"][0]["data"]
            best = max(range(10), key=probabilities.__getitem__)
            says = f"v{answer.headers['x-modelway-version']}: {best}, {probabilities[best]:.0%} sure"
            colour = "green" if best == labels[index] else "red"
            panels.append(Panel(f"{picture(pixels[index])}\n[{colour}]{says}[/{colour}]", width=24))
    console.print(Columns(panels))


def update_under_load(namespace: Namespace) -> tuple[Report, float]:
    """Version 1 → 2 while clients that never retry ask: what the clients saw, and the seconds that the update took."""
    load = Load(namespace.cluster, NAMESPACE).start(
        "http://digits/v2/models/digits/infer", duration=180, rate=RATE, keep_alive=6, new=6
    )
    time.sleep(3)
    begun = time.monotonic()
    namespace.kubectl("apply", "-f", str(ROOT / "examples/digits/v2.yaml"))
    namespace.wait_serving("2")
    took = time.monotonic() - begun
    time.sleep(3)
    return load.finish(), took


def main() -> None:
    with step("A real Kubernetes cluster (the first time: install what is missing, some minutes)"):
        run("e2e.cluster", "up")
    with step("The two images, operator and runtime"):
        run("e2e.cluster", "images")
    cluster = current()
    with step("Modelway from its chart, and a small file server that holds the models"):
        install_chart(cluster)
        install_store(cluster)
    namespace = Namespace(cluster, NAMESPACE)
    with step("kubectl apply -f examples/quickstart.yaml; kubectl wait --for=condition=Ready md/digits"):
        fresh_namespace(cluster)
        namespace.kubectl("apply", "-f", str(ROOT / "examples/quickstart.yaml"))
        namespace.wait_ready()
    show_digits(cluster)
    with step(f"Update to version 2 under {RATE} requests a second from clients that never retry"):
        report, took = update_under_load(namespace)
    show_digits(cluster)
    print(namespace.kubectl("get", "md", "digits"), flush=True)
    say(f"the update took {took:.1f} s from kubectl apply to done")
    say(report.sentence())
    colour = "green" if report.failed == 0 else "red"
    say(f"[bold {colour}]failed requests: {report.failed}[/bold {colour}]")
    farewell()
    sys.exit(1 if report.failed else 0)


def fresh_namespace(cluster: Cluster) -> None:
    """The demo begins anew each time: what an earlier one left is removed."""
    cluster.kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait=true", "--timeout=120s")
    cluster.kubectl("create", "namespace", NAMESPACE)


def farewell() -> None:
    console.print(
        Panel(
            'eval "$(.venv/bin/python -m e2e.cluster env)"   # this cluster\'s kubectl\n'
            f"kubectl -n {NAMESPACE} get md,deployments,pods\n"
            f"kubectl -n {NAMESPACE} describe md digits\n"
            f".venv/bin/modelway get digits -n {NAMESPACE}        # docs/rollouts.md leads through two canaries\n"
            "kubectl explain md.spec\n"
            f"kubectl -n {NAMESPACE} apply -f examples/quickstart.yaml # and back\n"
            f"kubectl delete namespace {NAMESPACE}               # end of the demo\n"
            "make cluster-down                                 # end of the cluster",
            title="Your turn",
        )
    )


if __name__ == "__main__":
    main()
