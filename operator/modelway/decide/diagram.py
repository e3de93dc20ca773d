"""The table of stages as a picture: ``make generate`` draws it into the documentation, so that it can't be outdated."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from .rollout import STAGES, TIMED, UP, Stage
from .situation import Situation

_PAGE: Final = """# The stages of an update

Generated from `operator/modelway/decide/rollout.py` by `make generate`; do not edit.

At every look the operator asks these questions from the top; the first yes names the stage. Nothing is remembered
between two looks but what the cluster shows, so the same cluster always gives the same stage.

```mermaid
{chart}
```

| stage | the candidate's pods | the deadline runs |
|---|---|---|
{rows}
"""


def page() -> str:
    """The page of the documentation, in Markdown with a Mermaid flow chart."""
    return _PAGE.format(chart="\n".join(_chart()), rows="\n".join(map(_row, Stage)))


def _chart() -> Iterator[str]:
    yield "flowchart TD"
    for number, (question, stage) in enumerate(STAGES):
        yield f'  q{number}{{"{_words(question)}?"}} -->|yes| s{number}["{stage}"]'
        following = f"q{number + 1}" if number + 1 < len(STAGES) else f'last["{Stage.PROGRESSING}"]'
        yield f"  q{number} -->|no| {following}"


def _words(question: Callable[[Situation], bool]) -> str:
    return question.__name__.strip("_").replace("_", " ")


def _row(stage: Stage) -> str:
    pods = "up" if stage in UP else "up only if they were before" if stage is Stage.PAUSED else "none of its own"
    return f"| {stage} | {pods} | {'yes' if stage in TIMED else 'no'} |"
