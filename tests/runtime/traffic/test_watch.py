"""A new document is noticed as the kubelet mounts it; a broken one changes nothing."""

import json
from pathlib import Path

from modelserver.traffic.document import Document
from modelserver.traffic.watch import Watch
from tests.runtime.traffic.fleet import mount


def test_mounts_are_followed(tmp_path: Path) -> None:
    applied: list[Document] = []
    refused: list[int] = []
    watch = Watch(tmp_path, applied.append, lambda: refused.append(1))
    watch.look()
    assert applied == []  # nothing is mounted yet
    mount(tmp_path, {"generation": 1})
    watch.look()
    watch.look()
    assert applied == [Document(1)]
    mount(tmp_path, {"generation": 2})
    watch.look()
    assert applied[-1] == Document(2)
    for broken in ("{", json.dumps({"generation": 3, "weight": 200}), " " * (2**20 + 1)):
        mount(tmp_path, broken)
        watch.look()
        watch.look()
    assert (len(applied), len(refused)) == (2, 3)
    (tmp_path / "..data").unlink()
    watch.look()
    mount(tmp_path, {"generation": 4})
    watch.look()
    assert applied[-1] == Document(4)
