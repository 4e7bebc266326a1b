"""What is made of a result: a table, JUnit cases, a page and a badge."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from fleet_sim.results import readable
from fleet_sim.runs.closing_tables import plain_table
from fleet_sim.truth.grading import Grade
from fleet_sim.truth.modes import CONTROL
from fleet_sim.truth.score import Counts, TruthResult, number_of, pooled, true_share

WORDS = {grade: grade.replace("_", " ") for grade in Grade}
ALL_MODES = "all failure modes"


def share_text(counts: Counts) -> str:
    """Return the share of true grades with its interval, as in `83 % (61 to 94)`."""
    estimate = true_share(counts)
    if estimate is None:
        return readable.NOTHING
    low, high = (f"{100 * limit:.0f}" for limit in estimate.limits)
    return f"{100 * estimate.value:.0f} % ({low} to {high})"


def table_of(name: str, modes: dict[str, Counts], total: Counts) -> Table:
    """Return the table of one client: its modes, the worst first, and all of them together."""
    given = {grade for counts in modes.values() for grade in counts}
    shown = [each for each in Grade if each is not Grade.TRUE and each in given]
    table = plain_table(name, "#unlocks", "#true", *(f"#{WORDS[each]}" for each in shown))
    for mode, counts in [*pooled(modes), (ALL_MODES, total)]:
        cells = [str(counts.get(each) or "") for each in shown]
        style = "bold" if mode in (CONTROL, ALL_MODES) else ""
        row = [mode, str(number_of(counts)), share_text(counts), *cells]
        table.add_row(*(Text(cell, style=style) for cell in row))
    return table


def tables(result: TruthResult) -> Sequence[Table]:
    """Return a table for each client."""
    return [table_of(name, one.modes, one.total) for name, one in result.clients.items()]
