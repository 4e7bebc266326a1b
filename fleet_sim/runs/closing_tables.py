"""The tables that a run prints when it is over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from fleet_sim.results import readable, report_injected
from fleet_sim.results.fleet_parts import where_it_failed
from fleet_sim.results.keeping_up import could_not_keep_up
from fleet_sim.results.safety import safety_in_words
from fleet_sim.runs.progress import OUTCOME_STYLES
from fleet_wire.contract.causes import CAUSES, Cause, Outcome
from fleet_wire.modes.catalogue import MODES, TITLES

LATE_SHOWN = 5
"""Cars that opened late, as the closing words name them; the report names more."""
MODES_SHOWN = 8
BASELINE: Final = "loopback box"
LAG: Final = "late start"
TIMES: Final = (("every unlock", "unlock"), ("that opened", "unlock_ok"), (BASELINE, "floor"))
"""Rows of the table of times, and where they stand in the summary. `customers.to_open` is another
time: the customer's, from the first press to an open door."""
FOOTNOTES: Final = (
    f"{BASELINE} (floor): a box that answers at once. So much of each time is broker and monitor.",
    f"{LAG} (probe.schedule_lag): how late unlocks began. Above 50 ms the machine was too busy.",
)
"""What is not about cars in the table of times, and where it stands in the summary."""
MEANINGS: Final = {
    "boxes.connected_max": "the most at one time",
    "boxes.configured": "boxes of the scenario",
    "attempts.ok_share": "of all unlocks",
    "stray.late_unlock": "opened after the customer was told no",
    "floor.p50_s": "unlocks of the loopback box",
    "probe.schedule_lag_p99_s": "how late unlocks began",
}
"""Descriptions of expected keys whose name alone could be misread."""


_GO_WELL: Final = frozenset(slug for slug, mode in MODES.items() if None in mode.causes)
"""Modes of unlocks that may count as opened: something was wrong all the same."""
ODD_NOTE: Final = "* Such an unlock may have opened, and count as opened: it only looked odd."


def print_summary(summary: Mapping[str, Any], console: Console) -> None:
    """Print the closing tables: outcomes and times, causes, expectations."""
    attempts: Mapping[str, Any] = summary["attempts"]
    verdicts = list(summary.get("expect") or [])
    headline = Text("\n")
    headline.append(
        f"{readable.count(attempts['by_outcome'][Outcome.OK.value])} of "
        f"{readable.number_of(attempts['total'], 'unlock')} opened",
        style="bold",
    )
    headline.append(f" ({readable.share(attempts['ok_share'])})\n")
    console.print(headline)
    if (after_s := summary.get("interrupted_after_s")) is not None:
        words = f"The run was {readable.interrupted(after_s)}: all this is of what there was.\n"
        console.print(Text(words, style="bold yellow"))
    side_by_side = Table.grid(padding=(0, 4))
    side_by_side.add_row(_outcomes(attempts), _times(summary))
    console.print(side_by_side)
    console.print(Text("\n".join(FOOTNOTES), style="dim"))
    _print_what_broke(summary, console)
    if summary["late_unlocks"]:
        console.print(Text(f"\n{_opened_late(summary)}", style="bold red"))
    if any(attempts["by_cause"].values()):
        console.print(_causes(attempts))
    if summary["diagnoses"]["total"]:
        console.print(_modes(summary["diagnoses"]))
    if (where := where_it_failed(summary)) is not None:
        console.print(Text(f"\n{where}", style="bold"))
    if report_injected.has_content(summary["injected"]):
        console.print(_injected(summary["injected"]))
    if summary["safety"]["findings"]:
        watch = safety_in_words(summary["safety"])
        console.print(Text(f"\nWatched from inside, as no monitor can: {watch}", style="bold"))
    if verdicts:
        console.print(_expectations(verdicts))


def _print_what_broke(summary: Mapping[str, Any], console: Console) -> None:
    """Print which parts of the run itself were not there: what they spoilt is no car's doing."""
    for title, parts in (
        ("Brokers that broke", summary["broken_brokers"]),
        ("Could not keep up", could_not_keep_up(summary)),
    ):
        if parts:
            console.print(Text("\n".join((f"\n{title}:", *parts)), style="bold red"))


def _opened_late(summary: Mapping[str, Any]) -> str:
    """Return which cars opened after their customer was told no: somebody has to lock them."""
    late = summary["late_unlocks"][:LATE_SHOWN]
    total = summary["stray"]["late_unlock"]
    cars = ", ".join(
        f"{each['vehicle_id']} after {readable.duration(each['after_s'])}" for each in late
    )
    rest = total - len(late)
    others = f", and {readable.number_of(rest, 'other')}" if rest > 0 else ""
    return f"{readable.count(total)} opened late, after the customer was told no: {cars}{others}"


def plain_table(*headings: str) -> Table:
    """Return a table without sides; a heading with a leading `#` is of a column of numbers."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for heading in headings:
        is_number = heading.startswith("#")
        table.add_column(
            heading.removeprefix("#"),
            justify="right" if is_number else "left",
            no_wrap=is_number,
        )
    return table


def _outcomes(attempts: Mapping[str, Any]) -> Table:
    table = plain_table("outcome", "#unlocks")
    for outcome in Outcome:
        number = attempts["by_outcome"][outcome.value]
        style = OUTCOME_STYLES[outcome] if number else "dim"
        table.add_row(Text(outcome.value, style=style), Text(readable.count(number), style=style))
    return table


def _times(summary: Mapping[str, Any]) -> Table:
    table = plain_table("time", "#p50", "#p95", "#p99")
    for label, key in TIMES:
        times = summary[key]
        table.add_row(
            label, *(readable.duration(times[name]) for name in ("p50_s", "p95_s", "p99_s"))
        )
    table.add_row(
        LAG,
        readable.duration(summary["probe"]["schedule_lag_p50_s"]),
        "",
        readable.duration(summary["probe"]["schedule_lag_p99_s"]),
    )
    return table


def _causes(attempts: Mapping[str, Any]) -> Group:
    table = plain_table("cause", "#unlocks", "#share", "what it means")
    by_cause = {cause: attempts["by_cause"][cause.value] for cause in Cause}
    for cause in sorted(Cause, key=lambda cause: -by_cause[cause]):
        number = by_cause[cause]
        if number:
            table.add_row(
                Text(cause.value, style=OUTCOME_STYLES[CAUSES[cause].outcome]),
                readable.count(number),
                readable.share(number / attempts["total"]),
                CAUSES[cause].explanation,
            )
    return Group(Text(""), table)


def _modes(diagnoses: Mapping[str, Any]) -> Group:
    """Return which failure modes the monitor named, and how many more there were.

    A mode in which the unlock itself may go well is marked.
    """
    named = Counter(diagnoses["by_mode"]).most_common(MODES_SHOWN)
    table = plain_table("failed, or looked odd: likeliest mode", "#unlocks", "what it is")
    for slug, number in named:
        if number:
            mark = " *" if slug in _GO_WELL else ""
            table.add_row(Text(slug), readable.count(number), f"{TITLES.get(slug, slug)}{mark}")
    others = diagnoses["total"] - sum(number for _, number in named)
    if others:
        table.add_row(Text("others"), readable.count(others), "")
    is_marked = any(number and slug in _GO_WELL for slug, number in named)
    return Group(Text(""), table, *([Text(ODD_NOTE, style="dim")] if is_marked else []))


def _injected(injected: Mapping[str, Any]) -> Group:
    """Return what each fault touched, and what the monitor said of that without being told."""
    table = plain_table("injected", "#from, to", "#cars", "#touched", "said by the monitor, untold")
    for fault in injected["faults"]:
        table.add_row(
            Text(fault["fault"]),
            report_injected.window(fault),
            readable.count(fault["cars"]),
            readable.count(fault["total"]),
            _conclusion_text(fault),
        )
    for lost in injected["lost"]:
        table.add_row(
            report_injected.lost_name(lost),
            report_injected.absence_text(lost),
            readable.count(lost["cars"]),
            readable.count(lost["total"]),
            _conclusion_text(lost),
        )
    untouched = injected["untouched"]
    table.add_row(
        "nothing", "", "", readable.count(untouched["total"]), _conclusion_text(untouched)
    )
    verdict = Text(report_injected.verdict(injected), style="dim")
    return Group(Text(""), table, verdict)


def _conclusion_text(concluded: Mapping[str, Any]) -> Text:
    said = report_injected.conclusion_counts(concluded)
    words = Text("\n").join(
        Text.assemble((f"{what} ", _style_of(what)), readable.count(number))
        for what, number in said
    )
    return words if said else Text(readable.NOTHING)


def _style_of(said: str) -> str:
    is_cause = said != report_injected.OPENED
    return OUTCOME_STYLES[CAUSES[Cause(said)].outcome if is_cause else Outcome.OK]


def _expectations(verdicts: list[Mapping[str, Any]]) -> Group:
    table = plain_table("", "expected", "#limit", "#measured", "")
    for verdict in verdicts:
        style = "green" if verdict["holds"] else "bold red"
        table.add_row(
            Text("✓" if verdict["holds"] else "✗", style=style),
            Text(str(verdict["key"])),
            Text(readable.condition(verdict["condition"])),
            Text(readable.value(verdict["value"]), style="" if verdict["holds"] else style),
            Text(MEANINGS.get(str(verdict["key"]), ""), style="dim"),
        )
    failed = sum(not verdict["holds"] for verdict in verdicts)
    closing = (
        Text(f"✗ {readable.not_holding(failed, len(verdicts))}", style="bold red")
        if failed
        else Text(f"✓ {readable.all_hold(len(verdicts))}", style="bold green")
    )
    return Group(Text(""), table, Text(""), closing)
