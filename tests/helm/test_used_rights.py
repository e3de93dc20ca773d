"""Which rights were used, from audit events: `python -m e2e.rights` compares them with those that the chart gives."""

from __future__ import annotations

from typing import Any

from e2e.audit import OPERATOR
from e2e.rights import asked, granted


def event(verb: str, resource: str, code: int = 200, user: str = OPERATOR, **about: str) -> dict[str, Any]:
    return {
        "verb": verb,
        "user": {"username": user},
        "objectRef": {"apiGroup": "apps", "resource": resource, **about},
        "responseStatus": {"code": code},
    }


def test_an_apply_of_what_was_not_there_needs_the_right_to_create() -> None:
    used = asked([event("patch", "deployments", 201), event("patch", "deployments"), event("patch", "deployments")])
    assert used == {("apps", "deployments", "create"): 1, ("apps", "deployments", "patch"): 2}


def test_a_subresource_is_a_right_of_its_own() -> None:
    assert asked([event("patch", "deployments", subresource="scale")]) == {("apps", "deployments/scale", "patch"): 1}


def test_others_and_refused_requests_do_not_count() -> None:
    others = event("list", "deployments", user="kubernetes-admin")
    discovery = {**event("get", ""), "objectRef": None}
    assert not asked([others, event("delete", "deployments", 403), discovery])


def test_rules_are_taken_apart() -> None:
    rule = {"apiGroups": ["apps"], "resources": ["deployments", "controllerrevisions"], "verbs": ["list", "watch"]}
    assert len(set(granted([rule]))) == 4
