"""`python -m tests.runtime.clients`: others' clients make every call they have; prints call × client × result."""

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.runtime.clients.calling import Outcome
from tests.runtime.clients.programs import PROGRAMS, outcomes
from tests.runtime.clients.servers import serving

WIDTH = 180


def table(told: Mapping[str, list[Outcome]]) -> Table:
    """A row for each call, a column for each client; a dash where the client has no such call."""
    shown = Table(title="modelserver, asked by clients of others")
    shown.add_column("call")
    by_call: dict[str, dict[str, Outcome]] = {}
    for client, results in told.items():
        shown.add_column(client)
        for result in results:
            by_call.setdefault(result.call, {})[client] = result
    for call, results_of in by_call.items():
        cells = [results_of.get(client) for client in told]
        shown.add_row(call, *("-" if one is None else one.kind if one.expected else "UNEXPECTED" for one in cells))
    return shown


def main() -> int:
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as served:
        told = {name: outcomes(name, served) for name in PROGRAMS}
    console = Console(width=WIDTH)
    console.print(table(told))
    wrong = [(client, one) for client, results in told.items() for one in results if not one.expected]
    for client, one in wrong:
        console.print(f"UNEXPECTED: {client}, {one.call}: {one.kind} {one.words}", markup=False)
    for client, results in told.items():
        kinds = [one.kind for one in results]
        counts = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
        console.print(f"{client}: {len(results)} calls, {counts}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
