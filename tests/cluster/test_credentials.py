"""Whose identity the operator uses: a kubeconfig's, in each of its forms; what is missing is said."""

from __future__ import annotations

import base64
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelway.cluster import credentials
from modelway.cluster.credentials import NoCredentials, find


def kubeconfig(folder: Path, user: dict[str, Any], cluster: dict[str, Any] | None = None) -> dict[str, str]:
    """An environment whose KUBECONFIG has that user."""
    path = folder / "config"
    content = {
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": cluster or {"server": "http://127.0.0.1:8001/"}}],
        "users": [{"name": "u", "user": user}],
    }
    path.write_text(yaml.safe_dump(content))
    return {"KUBECONFIG": str(path)}


def test_a_token_in_the_kubeconfig(tmp_path: Path) -> None:
    found = find(kubeconfig(tmp_path, {"token": "secret"}))
    assert (found.server, found.token(), found.tls) == ("http://127.0.0.1:8001", "secret", None)


def test_a_token_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from a file\n")
    assert find(kubeconfig(tmp_path, {"tokenFile": str(tmp_path / "token")})).token() == "from a file"


def test_a_token_file_that_is_away_for_a_moment_ends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials, "TOKEN_SECONDS", -1.0)  # read each time
    file = tmp_path / "token"
    file.write_text("first")
    token = find(kubeconfig(tmp_path, {"tokenFile": str(file)})).token
    file.unlink()
    assert token() == "first"
    file.write_text("second")
    assert token() == "second"


def test_a_credential_plugin(tmp_path: Path) -> None:
    plugin = tmp_path / "plugin"
    plugin.write_text(
        '#!/bin/sh\ncase "$KUBERNETES_EXEC_INFO" in *ExecCredential*) ;; *) exit 3 ;; esac\n'
        'echo "{\\"status\\": {\\"token\\": \\"$1-$REGION\\"}}"\n'
    )
    plugin.chmod(plugin.stat().st_mode | stat.S_IXUSR)
    spec = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": str(plugin),
        "args": ["made"],
        "env": [{"name": "REGION", "value": "north"}],
    }
    assert find(kubeconfig(tmp_path, {"exec": spec})).token() == "made-north"


def test_a_failing_credential_plugin_is_named(tmp_path: Path) -> None:
    spec = {"apiVersion": "client.authentication.k8s.io/v1", "command": str(tmp_path / "absent")}
    with pytest.raises(NoCredentials, match=r"credential plugin '.*absent' failed"):
        find(kubeconfig(tmp_path, {"exec": spec}))


def test_an_unverified_server_is_only_believed_when_the_kubeconfig_says_so(tmp_path: Path) -> None:
    import ssl

    strict = find(kubeconfig(tmp_path, {}, {"server": "https://127.0.0.1:6443"}))
    loose = find(kubeconfig(tmp_path, {}, {"server": "https://127.0.0.1:6443", "insecure-skip-tls-verify": True}))
    assert strict.tls is not None and strict.tls.verify_mode is ssl.CERT_REQUIRED
    assert loose.tls is not None and loose.tls.verify_mode is ssl.CERT_NONE


def test_a_missing_kubeconfig_is_said(tmp_path: Path) -> None:
    with pytest.raises(NoCredentials, match=r"is no file\. Set KUBECONFIG"):
        find({"KUBECONFIG": str(tmp_path / "nowhere")})


BROKEN = {
    "no YAML": ("{nonsense", "is no YAML"),
    "no mapping": ("- a\n", "is no kubeconfig"),
    "a context without a cluster": (
        "current-context: a\ncontexts: [{name: a, context: {user: a}}]\n",
        "'cluster' is missing. `kubectl config view` shows",
    ),
    "an entry that is text": ("current-context: a\ncontexts: [a]\n", "can't be used"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_kubeconfig_that_can_not_be_used_is_said(case: str, tmp_path: Path) -> None:
    text, words = BROKEN[case]
    (tmp_path / "config").write_text(text)
    with pytest.raises(NoCredentials) as told:
        find({"KUBECONFIG": str(tmp_path / "config")})
    assert words in str(told.value)


def test_a_context_that_is_not_there_is_said(tmp_path: Path) -> None:
    environ = kubeconfig(tmp_path, {})
    path = Path(environ["KUBECONFIG"])
    path.write_text(path.read_text().replace("current-context: here", "current-context: there"))
    with pytest.raises(NoCredentials, match="no entry 'there' under contexts"):
        find(environ)


def test_inline_authority_that_is_no_certificate_is_refused(tmp_path: Path) -> None:
    cluster = {
        "server": "https://127.0.0.1:6443",
        "certificate-authority-data": base64.b64encode(b"nonsense").decode(),
    }
    with pytest.raises(OSError):
        find(kubeconfig(tmp_path, {}, cluster))


def test_several_kubeconfigs_are_one_and_the_first_entry_of_a_name_counts(tmp_path: Path) -> None:
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
        (folder / "token").write_text(f"of {folder.name}")
    first = kubeconfig(folders[0], {"tokenFile": "token"})["KUBECONFIG"]
    second = Path(kubeconfig(folders[1], {"token": "never asked"})["KUBECONFIG"])
    more = yaml.safe_load(second.read_text())
    more["contexts"].append({"name": "there", "context": {"cluster": "c", "user": "v"}})
    more["users"].append({"name": "v", "user": {"tokenFile": "token"}})
    second.write_text(yaml.safe_dump(more))
    environ = {"KUBECONFIG": f"{first}:{second}:{tmp_path / 'nowhere'}"}
    assert find(environ).token() == "of a"
    assert find(environ, context="there").token() == "of b"
    assert find(environ, kubeconfig=str(second)).token() == "never asked"
