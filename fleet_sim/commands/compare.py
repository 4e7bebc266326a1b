"""The command `fleet-sim compare`."""

from __future__ import annotations

import math
import re
import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from fleet_sim.commands.verdicts import VerdictOptions, verdict_options
from fleet_sim.results import readable
from fleet_sim.results.comparison import (
    CONFIDENCE,
    Change,
    Comparison,
    Difference,
    Judgement,
    Tolerance,
    compare_runs,
    read_compared_run,
    setups,
)
from fleet_sim.results.comparison import as_json as json_of
from fleet_sim.results.junit import Case, Suite
from fleet_sim.runs.closing_tables import plain_table
from fleet_sim.truth.comparison import TruthComparison, compare_truth
from fleet_sim.truth.comparison import as_json as truth_json_of
from fleet_sim.truth.score import is_result
from fleet_wire.command_line import EXPECTATION_FAILED
from fleet_wire.printing import print_json

MOST_SETUPS = 12
_LABELS = {
    "attempts.ok_share": "opened",
    "stray.late_unlock": "opened late",
}
_STYLES = {Change.WORSE: "bold red", Change.BETTER: "green", Change.SAME: "dim"}
_RUN = click.Path(path_type=Path)


_TOLERATED = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)(%|ms|s)", re.ASCII)
_UNITS = {"%": ("share", 0.01), "ms": ("time_s", 0.001), "s": ("time_s", 1.0)}


class _Tolerated(click.ParamType[tuple[str, float]]):
    """A field of `Tolerance` and its value, as in `0.5%` or `200ms`."""

    name = "difference"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, float]:
        """Return the field and its value in the field's unit."""
        found = _TOLERATED.fullmatch(str(value))
        if found is None:
            self.fail(
                f"{value!r}: expected 0.5% for shares, or 200ms or 0.2s for times", param, ctx
            )
        field, scale = _UNITS[found[2]]
        return field, float(found[1]) * scale


@click.command()
@click.argument("run_a", type=_RUN)
@click.argument("run_b", type=_RUN)
@click.option(
    "--tolerate",
    "tolerance",
    type=_Tolerated(),
    multiple=True,
    metavar="DIFFERENCE",
    help="The smallest relevant difference. 0.5% are percentage points of shares, 200ms or 0.2s"
    " are of times. B is worse only if it is beyond chance worse by more. Default: 0.",
)
@verdict_options
def compare(
    *,
    run_a: Path,
    run_b: Path,
    tolerance: tuple[tuple[str, float], ...],
    verdicts: VerdictOptions,
) -> None:
    """Compare two runs, and say whether RUN_B is worse than RUN_A, beyond chance.

    Both are directories of runs that have ended: of an old release and a new one, say. Two results
    of `fleet-sim truth` are compared by how often their clients told the truth. Else the verdict
    uses the share of unlocks that opened, the share that opened late, and the time to open. It
    looks at the whole fleet, and at each part that both runs have. A failed unlock counts as slower
    than all that opened.

    Exits 0 when B is not worse, 1 when it is, 2 on an error.

    \b
    fleet-sim compare runs/before runs/after
    fleet-sim compare runs/before runs/after --tolerate 0.5% --tolerate 200ms --junit result.xml
    fleet-sim compare runs/before runs/after --json
    fleet-sim compare runs/truth-app-1 runs/truth-app-2
    """  # noqa: D301 - click's own escape
    verdicts.check_places()
    comparison = _compared(run_a, run_b, Tolerance(**dict(tolerance)))
    suite = _suite(comparison, f"{run_b} against {run_a}")
    verdicts.write("fleet-sim compare", [suite])
    if verdicts.as_json:
        print_json(_as_json(comparison))
    else:
        _print(comparison, Console())
    if comparison.verdict is Change.WORSE:
        sys.exit(EXPECTATION_FAILED)


def _compared(a: Path, b: Path, tolerance: Tolerance) -> Comparison | TruthComparison:
    if is_result(a) or is_result(b):
        return compare_truth(a, b, tolerance=tolerance)
    return compare_runs(read_compared_run(a), read_compared_run(b), tolerance=tolerance)


def _as_json(comparison: Comparison | TruthComparison) -> dict[str, Any]:
    if isinstance(comparison, TruthComparison):
        return truth_json_of(comparison)
    return json_of(comparison)


def _print(comparison: Comparison | TruthComparison, console: Console) -> None:
    for line in _run_lines(comparison):
        console.print(Text(line), soft_wrap=True)
    for line in _setup_lines(comparison):
        console.print(Text(line, style="dim"), soft_wrap=True)
    console.print(_table(comparison))
    for line in _quantile_lines(comparison):
        console.print(Text(line, style="dim"), soft_wrap=True)
    console.print(Text("\n" + _closing(comparison), _STYLES[comparison.verdict]), soft_wrap=True)


def _run_lines(comparison: Comparison | TruthComparison) -> list[str]:
    """Return a line for each side: where it is, and what it has."""
    if isinstance(comparison, TruthComparison):
        paths, results = (comparison.a, comparison.b), comparison.results
        sides = [(path, ", ".join(it.clients)) for path, it in zip(paths, results, strict=True)]
    else:
        sides = [
            (run.directory, readable.number_of(run.summary.attempts.total, "unlock"))
            for run in (comparison.a, comparison.b)
        ]
    return [f"{name}: {path}, {what}" for name, (path, what) in zip("AB", sides, strict=True)]


def _setup_lines(comparison: Judgement) -> list[str]:
    if not isinstance(comparison, Comparison):
        return []
    found = [
        f"  {key}: {_short(of_a)} in A, {_short(of_b)} in B"
        for key, (of_a, of_b) in setups(comparison.a, comparison.b).items()
    ]
    more = len(found) - MOST_SETUPS
    rest = [f"  and {more} more"] if more > 0 else []
    return ["set up differently:", *found[:MOST_SETUPS], *rest] if found else []


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."  # noqa: PLR2004 - a line's worth


def _table(comparison: Judgement) -> Table:
    table = plain_table("", "#A", "#B", "#B - A", "#interval", "")
    for each in comparison.differences:
        word = each.change.value if each.is_judged and each.change is not Change.SAME else ""
        style = _STYLES[each.change] if word else ("" if each.is_judged else "dim")
        row = (_label(each), *_numbers(each), word)
        table.add_row(*(Text(cell, style=style) for cell in row))
    return table


def _quantile_lines(comparison: Judgement) -> list[str]:
    """Return which quantiles stand for others, or are missing: too few unlocks opened for those."""
    times = [each for each in comparison.judged if each.is_time]
    if times and all(each.estimate is None for each in times):
        return ["fewer than 1 % opened in both runs, so there is no time to open to compare"]
    return [
        f"fewer than {each.wanted_percent} % opened in both runs, so {_quantile(each)} stands for"
        f" p{each.wanted_percent}; a failed unlock counts as slower than all that opened"
        for each in times
        if each.percent != each.wanted_percent
    ]


def _quantile(each: Difference) -> str:
    """Return which times are compared; the wanted ones where neither run has any."""
    if each.estimate is None:
        return f"p{each.wanted_percent}"
    return "the fastest" if each.percent == 1 else f"p{each.percent}"


def _suite(comparison: Judgement, name: str) -> Suite:
    """Return the comparison as tests: one for each difference that is judged."""
    cases = [Case(name=_label(each).strip(), failure=_failure(each)) for each in comparison.judged]
    return Suite(name=name, cases=cases)


def _failure(each: Difference) -> str | None:
    """Return by how much B is worse; None: it is not shown to be."""
    if each.change is not Change.WORSE:
        return None
    of_a, of_b, change, interval = _numbers(each)
    tolerated = f", {_tolerated(each)} tolerated" if each.tolerated else ""
    return f"worse: {of_a} in A, {of_b} in B, {change} ({interval}{tolerated})"


def _tolerated(each: Difference) -> str:
    size = _signed(each, each.tolerated).lstrip("+")
    return size if each.is_time else f"{size} points"


def _label(each: Difference) -> str:
    if each.is_time:
        return f"time to open, {_quantile(each)}"
    if each.key.startswith("by."):
        _, kind, label = each.key.removesuffix(".ok_share").split(".", maxsplit=2)
        return f"  {kind} {label}"
    return _LABELS.get(each.key) or each.key.rpartition(".")[2]


def _numbers(each: Difference) -> tuple[str, str, str, str]:
    """Return the cells of A, of B, of the difference and of its interval."""
    estimate = each.estimate
    if estimate is None:
        return _value(each, each.a.value), _value(each, each.b.value), readable.NOTHING, ""
    low, high = (_signed(each, limit) for limit in estimate.limits)
    return (
        _value(each, each.a.value),
        _value(each, each.b.value),
        _signed(each, estimate.value),
        f"{low} to {high}",
    )


def _value(each: Difference, value: float) -> str:
    if each.is_time:
        return readable.NOTHING if math.isinf(value) else readable.duration(value)
    return f"{100 * value:.2f} %"


def _signed(each: Difference, value: float) -> str:
    sign = "-" if value < 0 else "+"
    if math.isinf(value):
        return f"{sign}∞"
    if each.is_time:
        return f"{sign}{readable.duration(abs(value))}"
    return f"{sign}{abs(100 * value):.2f}"


def _closing(comparison: Judgement) -> str:
    """Return the verdict in a sentence or two."""
    judged = comparison.judged
    named = {
        change: ", ".join(_label(each).strip() for each in judged if each.change is change)
        for change in Change
    }
    tolerated = {_tolerated(each) for each in judged if each.tolerated}
    but = f", beyond {' and '.join(sorted(tolerated))}" if tolerated else ""
    certainty = (
        f"{readable.number_of(len(judged), 'difference')} judged, together at {CONFIDENCE:.0%}{but}"
    )
    if comparison.verdict is Change.WORSE:
        also = f"; better: {named[Change.BETTER]}" if named[Change.BETTER] else ""
        return f"✗ B is worse: {named[Change.WORSE]}{also} ({certainty})"
    opened = judged[0].estimate
    less = "less truth" if isinstance(comparison, TruthComparison) else "fewer opened"
    fall = "" if opened is None else _unseen(opened.limits.low, less)
    if comparison.verdict is Change.BETTER:
        return f"✓ B is better: {named[Change.BETTER]} ({certainty})"
    return f"✓ B is not shown to be worse ({certainty}){fall}"


def _unseen(low: float, less: str) -> str:
    """Return what so few unlocks cannot rule out."""
    return f"; {-100 * low:.2f} points {less} is the most that could hide" if low < 0 else ""
