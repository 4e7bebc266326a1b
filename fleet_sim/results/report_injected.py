"""What the report says of injected against concluded: the template shows these values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fleet_sim.pages.parts import LegendEntry
from fleet_sim.results import readable
from fleet_sim.results.report_colours import CAUSE_COLOURS, OUTCOME_COLOURS
from fleet_wire.contract.causes import Cause, Outcome

OPENED = "opened"


@dataclass(frozen=True, slots=True)
class Said:
    """A part of the bar of what the monitor said, and its words below."""

    what: LegendEntry
    unlocks: str
    width_percent: str


@dataclass(frozen=True, slots=True)
class InjectedRow:
    """One fault, or none at all, and what the monitor said of the unlocks that it touched."""

    fault: str
    """Empty in the row of the unlocks that no fault touched."""
    window: str
    seen: str
    cars: str
    unlocks: str
    said: list[Said]


@dataclass(frozen=True, slots=True)
class InjectedPart:
    """The table, and what follows from it in a sentence."""

    verdict: str
    rows: list[InjectedRow]


def injected_part(summary: Mapping[str, Any]) -> InjectedPart | None:
    """Return what the page says of the faults of a run; None where there were none."""
    injected = summary.get("injected")
    if not isinstance(injected, Mapping) or not injected["faults"]:
        return None
    faults = sorted(injected["faults"], key=lambda fault: float(fault["start_s"]))
    return InjectedPart(
        verdict=verdict(injected),
        rows=[*map(_fault_row, faults), _untouched_row(injected["untouched"])],
    )


def verdict(injected: Mapping[str, Any]) -> str:
    """Return whether faults explain what did not open, in a sentence or two."""
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


def said_of(concluded: Mapping[str, Any]) -> list[tuple[str, int]]:
    """Return what the monitor said of some unlocks, and of how many: opened, then each cause."""
    opened = [(OPENED, int(concluded["ok"]))] if concluded["ok"] else []
    return opened + _causes(concluded)


def _causes(concluded: Mapping[str, Any]) -> list[tuple[str, int]]:
    counts = ((cause, int(number)) for cause, number in concluded["by_cause"].items() if number)
    return sorted(counts, key=lambda pair: (-pair[1], pair[0]))


def _fault_row(fault: Mapping[str, Any]) -> InjectedRow:
    return InjectedRow(
        fault=str(fault["fault"]),
        window=window(fault),
        seen=str(fault["seen"]),
        cars=readable.count(fault["cars"]),
        unlocks=readable.count(fault["total"]),
        said=_said(fault),
    )


def window(fault: Mapping[str, Any]) -> str:
    """Return from when to when a fault was at work."""
    return f"{fault['start_s']:g} to {fault['end_s']:g} s"


def _untouched_row(untouched: Mapping[str, Any]) -> InjectedRow:
    return InjectedRow(
        fault="",
        window=readable.NOTHING,
        seen="",
        cars=readable.NOTHING,
        unlocks=readable.count(untouched["total"]),
        said=_said(untouched),
    )


def _said(concluded: Mapping[str, Any]) -> list[Said]:
    return [
        Said(
            what=LegendEntry(what, _colour(what)),
            unlocks=readable.count(number),
            width_percent=f"{100 * number / concluded['total']:.3f}",
        )
        for what, number in said_of(concluded)
    ]


def _colour(what: str) -> str:
    return OUTCOME_COLOURS[Outcome.OK] if what == OPENED else CAUSE_COLOURS[Cause(what)]
