"""The report's part on injected faults and conclusions: values for the template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fleet_sim.pages.page_data import LegendEntry
from fleet_sim.results import readable
from fleet_sim.results.injected import name_of_process
from fleet_sim.results.report_colours import CAUSE_COLOURS, OUTCOME_COLOURS
from fleet_wire.contract.causes import Cause, Outcome

OPENED = "opened"


@dataclass(frozen=True, slots=True)
class ConclusionBar:
    """A part of the bar of what the monitor said, and its words below."""

    what: LegendEntry
    unlocks: str
    width_percent: str


@dataclass(frozen=True, slots=True)
class InjectedRow:
    """One fault, or none at all, and what the monitor said of the unlocks that it touched.

    Or a process of the run that was lost, or stood still.
    """

    fault: str
    """Empty in the other rows."""
    other: str
    """The conclusion that takes its place."""
    window: str
    seen: str
    cars: str
    unlocks: str
    said: list[ConclusionBar]


@dataclass(frozen=True, slots=True)
class InjectedPart:
    """The table, and what follows from it in a sentence."""

    verdict: str
    rows: list[InjectedRow]


def injected_part(summary: Mapping[str, Any]) -> InjectedPart | None:
    """Return the page's part on the faults of a run, and on lost boxes; None without any."""
    injected = summary.get("injected")
    if not isinstance(injected, Mapping) or not has_content(injected):
        return None
    faults = sorted(injected["faults"], key=lambda fault: float(fault["start_s"]))
    return InjectedPart(
        verdict=verdict(injected),
        rows=[
            *(
                _row(
                    each,
                    fault=str(each["fault"]),
                    window=window(each),
                    seen=str(each["seen"]),
                    cars=each["cars"],
                )
                for each in faults
            ),
            *(
                _row(each, other=lost_name(each), window=absence_text(each), cars=each["cars"])
                for each in injected.get("lost", ())
            ),
            _row(injected["untouched"], other="none", window=readable.NOTHING),
        ],
    )


def has_content(injected: Mapping[str, Any]) -> bool:
    """Return whether there is anything to tell: a fault, or a process that was not there."""
    return bool(injected["faults"] or injected.get("lost"))


def lost_name(lost: Mapping[str, Any]) -> str:
    """Return what stands in place of a fault."""
    how = "lost" if lost.get("until_s") is None else "stood still"
    return f"{_process(lost)}, {how} with its boxes"


def _process(lost: Mapping[str, Any]) -> str:
    return name_of_process(lost["process"], lost["processes"])


def absence_text(lost: Mapping[str, Any]) -> str:
    """Return from when on boxes were not there, and until when, where they came back."""
    since_s, until_s = f"{max(lost['since_s'], 0):.0f}", lost.get("until_s")
    return f"from {since_s} s" if until_s is None else f"{since_s} to {until_s:.0f} s"


def verdict(injected: Mapping[str, Any]) -> str:
    """Return whether faults explain what did not open, in a sentence or two."""
    lost = injected.get("lost")
    if not lost:
        return _of_faults(injected)
    words = _lost_text(lost)
    return f"{words} Without these: {_of_faults(injected)}" if injected["faults"] else words


def _lost_text(lost: Sequence[Mapping[str, Any]]) -> str:
    """Return how much of what did not open was no doing of the fleet."""
    gone = [each for each in lost if each.get("until_s") is None]
    still = [each for each in lost if each.get("until_s") is not None]
    parts = ((gone, "were lost"), (still, "stood still"))
    return " ".join(_how_many(those, how) for those, how in parts if those)


def _how_many(lost: Sequence[Mapping[str, Any]], how: str) -> str:
    failed = sum(each["not_ok"] for each in lost)
    processes = ", ".join(dict.fromkeys(map(_process, lost)))
    if not failed:
        return f"The boxes that {how} with {processes} kept no unlock from opening."
    return (
        f"{readable.number_of(failed, 'unlock')} did not open because the boxes {how} with"
        f" {processes}, whatever the monitor said of them."
    )


def _of_faults(injected: Mapping[str, Any]) -> str:
    touched, untouched = injected["touched"], injected["untouched"]
    count = readable.count
    failed = touched["not_ok"] + untouched["not_ok"]
    if not failed:
        had = f"a fault had touched {count(touched['total'])} of them"
        return f"None has a cause, so to the monitor every unlock opened; {had}."
    if not untouched["not_ok"]:
        words = f"A fault had touched every unlock that did not open ({count(failed)})."
    else:
        causes = ", ".join(f"{cause} {count(number)}" for cause, number in _causes(untouched))
        words = (
            f"A fault had touched {count(touched['not_ok'])} of the {count(failed)} unlocks that"
            f" did not open; none had touched the others: {causes}."
        )
    return f"{words} Touched, and opened all the same: {count(touched['ok'])}."


def conclusion_counts(concluded: Mapping[str, Any]) -> list[tuple[str, int]]:
    """Return what the monitor said of some unlocks, and of how many: opened, then each cause."""
    opened = [(OPENED, int(concluded["ok"]))] if concluded["ok"] else []
    return opened + _causes(concluded)


def _causes(concluded: Mapping[str, Any]) -> list[tuple[str, int]]:
    counts = ((cause, int(number)) for cause, number in concluded["by_cause"].items() if number)
    return sorted(counts, key=lambda pair: (-pair[1], pair[0]))


def _row(
    concluded: Mapping[str, Any],
    *,
    window: str,
    fault: str = "",
    other: str = "",
    seen: str = "",
    cars: int | None = None,
) -> InjectedRow:
    return InjectedRow(
        fault=fault,
        other=other,
        window=window,
        seen=seen,
        cars=readable.count(cars),
        unlocks=readable.count(concluded["total"]),
        said=_conclusion_bars(concluded),
    )


def window(fault: Mapping[str, Any]) -> str:
    """Return from when to when a fault was at work."""
    return f"{fault['start_s']:g} to {fault['end_s']:g} s"


def _conclusion_bars(concluded: Mapping[str, Any]) -> list[ConclusionBar]:
    return [
        ConclusionBar(
            what=LegendEntry(what, _colour(what)),
            unlocks=readable.count(number),
            width_percent=f"{100 * number / concluded['total']:.3f}",
        )
        for what, number in conclusion_counts(concluded)
    ]


def _colour(what: str) -> str:
    return OUTCOME_COLOURS[Outcome.OK] if what == OPENED else CAUSE_COLOURS[Cause(what)]
