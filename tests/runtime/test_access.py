"""Unix domain sockets, TLS and API keys, on real servers."""

import hashlib
import socket
import ssl
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from bench.ports import free_port
from modelserver.errors import BadSettings
from modelserver.server import listeners
from modelserver.server.access import Keys
from modelserver.server.http1 import credential
from modelserver.server.watched import Watched
from tests.runtime.processes import environment, infer_body, post, running

INFER = "/v2/models/tiny/infer"


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A self-signed certificate for localhost; `name` is its common name."""
    cert, key = folder / f"{name}.crt", folder / f"{name}.key"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-subj", f"/CN={name}", "-addext", "subjectAltName=DNS:localhost", "-days", "2"]
    subprocess.run([*command, "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True)
    return cert, key


def eventually(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_unix_socket_beside_the_port(linear_model: Path, tmp_path: Path) -> None:
    path = tmp_path / "server.sock"
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(path))
    with running(linear_model, MODELSERVER_UNIX_SOCKET=str(path), MODELSERVER_UNIX_SOCKET_MODE="0600") as server:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(path))) as client:
            answer = client.post(f"http://x{INFER}", content=infer_body([1, 2, 3, 4]))
        assert answer.json()["outputs"][0]["data"] == [1.0, 2.0, 3.0]
        with pytest.raises(BadSettings, match="another server listens"):
            listeners.unix(path, 0o600)
        server.terminate()
        assert server.wait() == 0
        assert not path.exists()
    assert not [*tmp_path.iterdir()]


def test_what_is_in_the_way_of_a_unix_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("data")
    with pytest.raises(BadSettings, match="is no socket"):
        listeners.unix(path, 0o600)
    assert path.read_text() == "data"
    with pytest.raises(BadSettings, match="can't listen"):
        listeners.unix(tmp_path / "no" / "folder", 0o600)


def test_tls_its_exchange_and_plain_http_on_it(linear_model: Path, tmp_path: Path) -> None:
    first, second = certificate(tmp_path, "first"), certificate(tmp_path, "second")
    cert, key = tmp_path / "tls.crt", tmp_path / "tls.key"

    def put(pair: tuple[Path, Path]) -> None:
        for source, target in zip(pair, (cert, key), strict=True):
            target.with_suffix(".new").write_bytes(source.read_bytes())
            target.with_suffix(".new").replace(target)

    put(first)
    port = free_port()
    settings = {"MODELSERVER_HTTP_PORT": str(port), "MODELSERVER_MODEL_NAME": "tiny"}
    settings |= {"MODELSERVER_TLS_CERT": str(cert), "MODELSERVER_TLS_KEY": str(key)}
    command = ["modelserver", "serve", str(linear_model)]
    process = subprocess.Popen([sys.executable, "-m", *command], env=environment(**settings), stderr=subprocess.DEVNULL)

    def answers(pair: tuple[Path, Path]) -> bool:
        trusted = ssl.create_default_context(cafile=str(pair[0]))
        try:
            answer = httpx.get(f"https://localhost:{port}/v2/health/ready", verify=trusted)
        except httpx.TransportError:
            return False
        return answer.status_code == 200

    try:
        eventually(lambda: answers(first))
        with socket.create_connection(("localhost", port), timeout=5) as client:
            client.sendall(post(INFER, infer_body([1, 2, 3, 4])))
            assert b"HTTP/1.1 200" not in client.recv(65536)  # an alert or nothing, and the end
        cert.write_text("no certificate")
        put(second)
        eventually(lambda: answers(second))
        assert not answers(first)
    finally:
        process.kill()
        process.wait()


def test_nothing_older_than_tls_1_2(tmp_path: Path) -> None:
    tls = listeners.Tls(*certificate(tmp_path, "first"))
    tls.read()
    assert tls.context.minimum_version is tls.current.minimum_version is ssl.TLSVersion.TLSv1_2


def test_certificates_that_can_not_be_used_are_told(tmp_path: Path) -> None:
    first, second = certificate(tmp_path, "first"), certificate(tmp_path, "second")
    for pair in [(first[0], second[1]), (tmp_path / "none", first[1]), (first[1], first[1])]:
        with pytest.raises(BadSettings, match="can't be used"):
            listeners.Tls(*pair).read()


def test_keys_and_their_exchange(linear_model: Path, tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"# team a\nalpha\n\nsha256:{hashlib.sha256(b'beta').hexdigest()}\n")
    with running(linear_model, MODELSERVER_API_KEYS_FILE=str(file)) as server, httpx.Client() as client:

        def status(headers: dict[str, str], path: str = INFER) -> int:
            content = infer_body([1, 2, 3, 4])
            method = "POST" if path == INFER else "GET"
            return client.request(method, server.url(path), headers=headers, content=content).status_code

        refused = client.post(server.url(INFER), content=infer_body([1, 2, 3, 4]))
        assert (refused.status_code, refused.headers["www-authenticate"]) == (401, 'Bearer realm="modelserver"')
        assert "Authorization: Bearer KEY" in refused.json()["error"]
        assert status({"authorization": "Bearer alpha"}) == status({"authorization": "bearer beta"}) == 200
        assert status({"x-api-key": "beta"}) == 200
        for wrong in (
            "Bearer gamma",
            "Basic alpha",
            "alpha",
            "Bearer",
            f"Bearer {hashlib.sha256(b'beta').hexdigest()}",
        ):
            assert status({"authorization": wrong}) == 401
        assert status({"authorization": "Bearer alpha", "x-api-key": "alpha"}) == 401
        for path, expected in {"/metrics": 200, "/v2/health/ready": 200, "/": 401, "/nothing": 401, "/v2": 401}.items():
            assert status({}, path) == expected
        told = client.get(server.url("/openapi.json"), headers={"x-api-key": "alpha"}).json()
        assert "401" in told["paths"][INFER]["post"]["responses"]
        assert "security" not in told["paths"]["/metrics"]["get"]
        file.write_text("gamma\n")
        eventually(lambda: status({"authorization": "Bearer gamma"}) == 200)
        assert status({"authorization": "Bearer alpha"}) == 401


def test_a_bad_file_leaves_the_former_keys_in_use(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text("alpha\n")
    keys = Keys(file)
    watched = Watched((file,), keys.read)
    file.write_text("# nobody\n")
    assert not watched.look() and keys.know(b"alpha")
    file.unlink()
    assert not watched.look() and keys.know(b"alpha")
    file.write_text("gamma\n")
    assert watched.look() and keys.know(b"gamma") and not keys.know(b"alpha")
    assert not watched.look()


@pytest.mark.parametrize("content", [None, "", "# only a comment\n"])
def test_a_server_without_any_key_does_not_start(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "keys"
    if content is not None:
        file.write_text(content)
    with pytest.raises(BadSettings, match="MODELSERVER_API_KEYS_FILE"):
        Keys(file).read()


def test_two_credentials_are_none() -> None:
    assert credential({b"authorization": [b"Bearer a"]}) == b"a"
    assert credential({b"authorization": [b"Bearer a", b"Bearer b"]}) is None
    assert credential({}) is None
