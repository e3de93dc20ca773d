"""The command line: `python -m e2e.cluster -h`."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Callable
from typing import NoReturn

from . import images, provider
from .cluster import Cluster
from .commands import ClusterError
from .progress import say
from .settings import programs

DESCRIPTION = """A real Kubernetes cluster for tests, demo and benchmarks.

The environment variable CLUSTER selects where it comes from: kind (a Docker engine), local (plain Linux as root, built
from source: the first `up` takes minutes, later ones seconds) or kubeconfig (a cluster that exists, from KUBECONFIG).
By default kind is used where a Docker engine answers, else local. There is one cluster a machine; clones share it."""
PASSED_THROUGH = {
    "kubectl": "run kubectl against the cluster",
    "helm": "run helm against the cluster",
    "inside": "run a program in the cluster's network, with its DNS",
}


def up(options: argparse.Namespace) -> int:
    name, chosen = provider.choose(None if options.provider == "auto" else options.provider)
    say(f"provider: {name}")
    chosen.up(options.nodes)
    provider.remember(name)
    return 0


def down(options: argparse.Namespace) -> int:
    provider.choose()[1].down()
    provider.remember(None)
    return 0


def status(options: argparse.Namespace) -> int:
    """Exits with 0 if, and only if, the cluster can be used."""
    name, chosen = provider.choose()
    if problem := chosen.status():
        print(problem)
        return 1
    print(f"healthy: {name}, nodes {', '.join(chosen.node_names())}, kubeconfig {chosen.config()}")
    return 0


def env(options: argparse.Namespace) -> int:
    print(f"export KUBECONFIG={shlex.quote(str(provider.choose()[1].config()))}")
    print(f'export PATH={shlex.quote(str(programs()))}:"$PATH"')
    return 0


def passthrough(command: str, words: list[str]) -> NoReturn:
    """Become kubectl, helm, or any program inside the cluster's network."""
    cluster = Cluster(*provider.choose())
    argv = cluster.inside(words) if command == "inside" else [command, *words]
    os.execvpe(argv[0], argv, cluster.env)


def build_images(options: argparse.Namespace) -> int:
    images.ensure(provider.choose()[1], tuple(options.components) or images.COMPONENTS)
    return 0


def load(options: argparse.Namespace) -> int:
    provider.choose()[1].load_image(options.what)
    return 0


def kwok(options: argparse.Namespace) -> int:
    cluster = Cluster(*provider.choose())
    if options.action == "up":
        cluster.kwok_up(options.nodes)
    else:
        cluster.kwok_down()
    return 0


def node(options: argparse.Namespace) -> int:
    chosen = provider.choose()[1]
    (chosen.stop_node if options.action == "stop" else chosen.start_node)(options.name)
    return 0


def _parser() -> argparse.ArgumentParser:
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="python -m e2e.cluster", description=DESCRIPTION, formatter_class=formatter)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, action: Callable[[argparse.Namespace], int], help: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=help, description=help)
        command.set_defaults(action_of=action)
        return command

    start = add("up", up, "bring the cluster up, or reuse it as it is when it is healthy")
    start.add_argument("--provider", choices=["auto", *provider.PROVIDERS], default="auto")
    start.add_argument("--nodes", type=int, help="real nodes (default: those that are there, else 2)")
    add("down", down, "remove everything: processes, mounts, namespaces, files; also after a crash")
    add("status", status, "exit with 0 if the cluster can be used, else say why not")
    add("env", env, 'print lines for: eval "$(python -m e2e.cluster env)"')
    for name, meaning in PASSED_THROUGH.items():
        commands.add_parser(name, help=meaning)  # only for -h: see main
    words = add("images", build_images, "build the project's images where their inputs changed; give them to all nodes")
    words.add_argument("components", nargs="*", choices=[[], *images.COMPONENTS], metavar="operator|runtime")
    add("load", load, "import another image into all nodes").add_argument("what", metavar="ARCHIVE_OR_IMAGE")
    fake = add("kwok", kwok, "fake nodes for benchmarks with thousands of pods")
    fake.add_argument("action", choices=["up", "down"])
    fake.add_argument("--nodes", type=int, default=10, help="fake nodes, 1,000 pods each (default: 10)")
    lost = add("node", node, "lose a real node (kubelet stopped, cable cut), or bring it back")
    lost.add_argument("action", choices=["stop", "start"])
    lost.add_argument("name")
    return parser


def main() -> int:
    try:
        # Before argparse, which would take `-n` of `kubectl -n …` for an option of ours.
        if len(sys.argv) > 2 and sys.argv[1] in PASSED_THROUGH:
            passthrough(sys.argv[1], sys.argv[2:])
        options = _parser().parse_args()
        code: int = options.action_of(options)
        return code
    except ClusterError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
