"""Generated requests get the answers that our own document and the published protocol's tell of."""

import pytest

from modelserver.server.routes import ROUTES
from tests.runtime.conformance import RUNS, conform, operations, own
from tests.runtime.processes import Server


def test_our_own_document_has_every_route(server: Server) -> None:
    assert len(operations(own(server))) >= len(ROUTES)


@pytest.mark.parametrize("run", RUNS)
def test_every_answer_is_as_the_document_says(server: Server, run: str) -> None:
    statuses = conform(server, run, examples=40)
    assert statuses.total() >= 40
    if run == "published, made to fit the model":
        assert statuses[200] > statuses.total() / 2
