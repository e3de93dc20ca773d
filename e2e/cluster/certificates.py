"""The cluster's certificates and kubeconfigs, written by openssl: one command a certificate, elliptic curves."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path

from .commands import run
from .settings import API_PORT, API_SERVICE_ADDRESS, CONTROL_PLANE_ADDRESS, DNS_DOMAIN, Node, kubeconfig, state

DAYS = "3650"
MASTERS = "system:masters"
API_SERVER_NAMES = (
    f"IP:{CONTROL_PLANE_ADDRESS}", f"IP:{API_SERVICE_ADDRESS}", "IP:127.0.0.1", "DNS:localhost", "DNS:kubernetes",
    "DNS:kubernetes.default", "DNS:kubernetes.default.svc", f"DNS:kubernetes.default.svc.{DNS_DOMAIN}",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a component is: its file's name, its user and group for RBAC, and the names that it serves under."""

    file: str
    user: str
    group: str = ""
    names: tuple[str, ...] = ()

    @property
    def certificate(self) -> Path:
        return folder() / f"{self.file}.crt"

    @property
    def key(self) -> Path:
        return folder() / f"{self.file}.key"

    @property
    def kubeconfig(self) -> Path:
        return folder() / f"{self.file}.kubeconfig"


API_SERVER = Identity("apiserver", "kube-apiserver", names=API_SERVER_NAMES)
API_SERVER_AS_CLIENT = Identity("apiserver-client", "kube-apiserver", MASTERS)  # asks kubelets for logs and exec
FRONT_PROXY = Identity("front-proxy", "front-proxy-client")
METRICS_SERVING = Identity("metrics-serving", "metrics-server", names=("DNS:metrics-server.kube-system.svc",))
ADMIN = Identity("admin", "kubernetes-admin", MASTERS)
CONTROLLER_MANAGER = Identity("controller-manager", "system:kube-controller-manager")
SCHEDULER = Identity("scheduler", "system:kube-scheduler")
PROXY = Identity("kube-proxy", "system:kube-proxy")
# Parts that stand in for add-ons: a name of their own, so that the audit log can tell them apart.
COREDNS = Identity("coredns", "e2e:coredns", MASTERS)
METRICS = Identity("metrics-server", "e2e:metrics-server", MASTERS)
KWOK = Identity("kwok", "e2e:kwok", MASTERS)
CLIENTS = (ADMIN, CONTROLLER_MANAGER, SCHEDULER, PROXY, COREDNS, METRICS, KWOK)


def node_identity(node: Node) -> Identity:
    """A kubelet's identity; it serves its own API under the same certificate."""
    user = f"system:node:{node.name}"
    return Identity(node.name, user, "system:nodes", (f"IP:{node.address}", f"DNS:{node.name}"))


def folder() -> Path:
    return state() / "pki"


def authority() -> Path:
    return folder() / "ca.crt"


def front_proxy_authority() -> Path:
    return folder() / "front-ca.crt"


def service_account_key() -> Path:
    return folder() / "service-account.key"


def create(nodes: tuple[Node, ...]) -> None:
    """Write everything into the state folder, which only root may read."""
    folder().mkdir(parents=True, mode=0o700)
    (folder() / "openssl.cnf").write_text("[req]\ndistinguished_name = name\n[name]\n")
    signs = ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign"]
    _certificate("ca", "/CN=modelway-e2e", signs)
    _certificate("front-ca", "/CN=modelway-e2e-front", signs)
    kubelets = tuple(node_identity(node) for node in nodes)
    for identity in (API_SERVER, API_SERVER_AS_CLIENT, METRICS_SERVING, *CLIENTS, *kubelets):
        _leaf(identity, "ca")
    _leaf(FRONT_PROXY, "front-ca")
    run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", service_account_key()])
    for identity in (*CLIENTS, *kubelets):
        write_kubeconfig(identity, identity.kubeconfig, CONTROL_PLANE_ADDRESS)
    write_kubeconfig(ADMIN, kubeconfig(), "127.0.0.1")


def _certificate(name: str, subject: str, extensions: list[str], signed_by: str | None = None) -> None:
    argv: list[str | Path] = ["openssl", "req", "-x509", "-new", "-nodes", "-days", DAYS, "-subj", subject]
    argv += ["-config", folder() / "openssl.cnf", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    argv += ["-keyout", folder() / f"{name}.key", "-out", folder() / f"{name}.crt"]
    for extension in extensions:
        argv += ["-addext", extension]
    if signed_by:
        argv += ["-CA", folder() / f"{signed_by}.crt", "-CAkey", folder() / f"{signed_by}.key"]
    run(argv)


def _leaf(identity: Identity, authority_name: str) -> None:
    extensions = ["basicConstraints=critical,CA:FALSE", "keyUsage=critical,digitalSignature"]
    extensions += ["extendedKeyUsage=clientAuth,serverAuth"]
    if identity.names:
        extensions += [f"subjectAltName={','.join(identity.names)}"]
    group = f"/O={identity.group}" if identity.group else ""
    _certificate(identity.file, f"{group}/CN={identity.user}", extensions, authority_name)


def write_kubeconfig(identity: Identity, path: Path, address: str) -> None:
    """A kubeconfig that holds its certificates, in JSON (which is YAML), so that the file can be copied anywhere."""

    def content(file: Path) -> str:
        return base64.b64encode(file.read_bytes()).decode()

    server = {"server": f"https://{address}:{API_PORT}", "certificate-authority-data": content(authority())}
    user = {"client-certificate-data": content(identity.certificate), "client-key-data": content(identity.key)}
    context = {"cluster": "modelway-e2e", "user": identity.user, "namespace": "default"}
    document = {
        "apiVersion": "v1", "kind": "Config", "current-context": "modelway-e2e",
        "clusters": [{"name": "modelway-e2e", "cluster": server}],
        "users": [{"name": identity.user, "user": user}],
        "contexts": [{"name": "modelway-e2e", "context": context}],
    }  # fmt: skip
    path.touch(mode=0o600)
    path.write_text(json.dumps(document, indent=1))
