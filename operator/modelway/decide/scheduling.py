"""The scheduler's message, made plain: ``0/2 nodes are available: 2 Insufficient memory. preemption: …``."""

from __future__ import annotations

import re
from typing import Final

_HEAD: Final = re.compile(r"^0/(\d+) nodes are available: ?")
_PARTS: Final[tuple[tuple[re.Pattern[str], str, str], ...]] = (
    (
        re.compile(r"(\d+) Insufficient ([\w/-]+(?:\.[\w/-]+)*)"),
        "{0} of {nodes} nodes have too little {1} free",
        "Lower spec.serving.resources.requests, or add a larger node.",
    ),
    (
        re.compile(r"(\d+) node\(s\) had untolerated taint\(?s?\)? ?(\{[^}]*\})?"),
        "{0} of {nodes} nodes have a taint that the pod does not bear {1}",
        "Let spec.serving.pod.tolerations bear the taint.",
    ),
    (
        re.compile(r"(\d+) node\(s\) didn't match Pod's node affinity/selector()"),
        "{0} of {nodes} nodes lack the labels asked for",
        "Change spec.serving.pod.nodeSelector.",
    ),
    (re.compile(r"(\d+) Too many pods()"), "{0} of {nodes} nodes hold as many pods as they may", "Add a node."),
    (re.compile(r"(\d+) node\(s\) were unschedulable()"), "{0} of {nodes} nodes are cordoned", "Uncordon one."),
    (
        re.compile(r'()persistentvolumeclaim "([^"]+)" not found'),
        "there is no PersistentVolumeClaim {1}",
        "Create it, or change spec.model.uri.",
    ),
)


def plain(message: str, claim: str = "") -> str:
    """Sentences: why no node takes the pod, and what to change. What is not understood is passed on as it was said."""
    head = _HEAD.match(message)
    nodes = head[1] if head else "?"
    said = message[head.end() :] if head else message
    said = said.partition(" preemption:")[0].strip()
    causes, remedies = [], []
    for pattern, cause, remedy in _PARTS:
        for found in pattern.finditer(said):
            causes.append(cause.format(found[1], found[2] or "", nodes=nodes).strip())
            remedies += [remedy] if remedy not in remedies else []
    if not causes:
        advice = f" Look at PersistentVolumeClaim {claim}, which spec.model.uri names." if claim else ""
        return f"the scheduler says: {said or message}{'' if said.endswith('.') else '.'}{advice}"
    return f"{'; '.join(causes)}. {' '.join(remedies)}"
