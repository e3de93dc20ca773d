"""A newcomer applies the quickstart, waits for Ready and asks for predictions from another pod."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from e2e.load import digit_request
from e2e.pods import script_pod
from e2e.steps import ROOT, Namespace
from examples.digits.heldout import held_out

DIGITS = 360

CLIENT = """
import json, sys, urllib.request
for index, body in enumerate(json.load(open("/files/requests.json"))):
    request = urllib.request.Request(sys.argv[1], json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        probabilities = json.load(answer)["outputs"][0]["data"]
    print(probabilities.index(max(probabilities)))
"""


@pytest.mark.timeout(300)
def test_quickstart_answers_held_out_digits(namespace: Namespace, say: Callable[[str], None]) -> None:
    namespace.kubectl("apply", "-f", str(ROOT / "examples/quickstart.yaml"))
    namespace.kubectl("wait", "--for=condition=Ready", "md/digits", "--timeout=120s")

    answers = ask(namespace, "http://digits/v2/models/digits/infer")

    _, labels = held_out()
    right = sum(answer == label for answer, label in zip(answers, labels[:DIGITS].tolist(), strict=True))
    say(f"{right} of {DIGITS} held-out digits right")
    expected = json.loads((ROOT / "examples/digits/models.json").read_text())["1"]["accuracy"]
    assert right / DIGITS > expected - 0.03


def ask(namespace: Namespace, url: str) -> list[int]:
    """What the service says of each digit, asked by a pod of its own."""
    files = {"client.py": CLIENT, "requests.json": json.dumps([digit_request(i) for i in range(DIGITS)])}
    command = ["python3", "/files/client.py", url]
    namespace.apply(*script_pod("client", namespace.name, namespace.cluster.image("runtime"), command, files))
    namespace.kubectl("wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/client", "--timeout=120s")
    return [int(line) for line in namespace.kubectl("logs", "client").split()]
