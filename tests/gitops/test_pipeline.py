"""Where a pipeline goes on that waits as docs/gitops.md says. The story on the cluster runs those lines by kubectl."""

from __future__ import annotations

from typing import Any

from tests.gitops.states import STATES
from tests.gitops.worlds import document

# Until somebody frees a quota or a name; that needs no change of the object, so it is no end.
MAY_PASS = {"a write was refused", "a write for an update was refused"}
HELD = {"the spec pauses from the beginning", "the spec pauses an update", "the spec pauses a canary"}


def over(obj: dict[str, Any]) -> bool:
    """``kubectl wait --for=condition=Progressing=False``, which looks only at conditions about this generation.

    Source: k8s.io/kubectl, pkg/cmd/wait/condition.go.
    """
    found = (each for each in obj["status"].get("conditions", ()) if each["type"] == "Progressing")
    progressing = next(found, {"status": "", "observedGeneration": 0})
    return progressing["status"] == "False" and progressing["observedGeneration"] >= obj["metadata"]["generation"]


def test_the_first_line_goes_on_where_nothing_will_change_by_itself_or_by_a_verb() -> None:
    ended = {name for name, state in STATES.items() if over(document(state.make()))}
    assert ended == {name for name, state in STATES.items() if state.kstatus != "InProgress"} - MAY_PASS | HELD


def test_the_second_line_holds_where_the_new_model_serves() -> None:
    serves = {name for name, state in STATES.items() if document(state.make())["status"].get("phase") == "Ready"}
    assert serves == {"it serves", "an update serves", "nobody has looked at the change"}
    assert not over(document(STATES["nobody has looked at the change"].make())), "the first line waits for it"
