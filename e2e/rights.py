"""Which of the chart's rights the operator has used, by the API server's audit log: `python -m e2e.rights`.

A right that stays unused after all stories ran is one that the chart should not ask for. An apply of an object that was
not there needs the right to create it, though the log calls it a patch: its answer is 201.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from e2e.audit import OPERATOR
from e2e.cluster import current
from e2e.steps import SYSTEM

Right = tuple[str, str, str]  # API group, resource with its subresource, verb


def asked(events: Iterable[dict[str, Any]], user: str = OPERATOR) -> Counter[Right]:
    """How often each right was used; requests that were refused or about no resource do not count."""
    used: Counter[Right] = Counter()
    for event in events:
        about, code = event.get("objectRef"), event["responseStatus"]["code"]
        if event["user"]["username"] != user or not about or code == 403:
            continue
        resource = "/".join(filter(None, (about["resource"], about.get("subresource"))))
        verb = "create" if event["verb"] == "patch" and code == 201 else event["verb"]
        used[about.get("apiGroup", ""), resource, verb] += 1
    return used


def granted(rules: Iterable[dict[str, Any]]) -> Iterator[Right]:
    """The rights of roles' rules, one by one."""
    for rule in rules:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                yield from ((group, resource, verb) for verb in rule["verbs"])


def main() -> None:
    cluster = current()
    chosen = ("get", "clusterrole,role", "-l", "app.kubernetes.io/component=operator", "-o", "json")
    roles = json.loads(cluster.kubectl("-n", SYSTEM, *chosen))["items"]
    people = ("-view", "-edit")  # those that the chart brings for users
    rules = [rule for role in roles if not role["metadata"]["name"].endswith(people) for rule in role["rules"]]
    with cluster.audit_log.open("rb") as log:
        events = [json.loads(line) for line in log if line.endswith(b"\n")]
    used = asked(event for event in events if event["stage"] == "ResponseComplete")
    for right in sorted(set(granted(rules))):
        group, resource, verb = right
        print(f"{used[right] or 'never':>6}  {verb:7} {resource}{f'.{group}' if group else ''}")


if __name__ == "__main__":
    main()
