"""Injected faults and what was concluded of them, in the words of report and terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fleet_sim.results import readable
from fleet_sim.results.injected import name_of_process

OPENED = "opened"


def has_content(injected: Mapping[str, Any]) -> bool:
    """Return whether there is anything to tell: a fault, or a process that was not there."""
    return bool(injected["faults"] or injected["lost"])


def lost_name(lost: Mapping[str, Any]) -> str:
    """Return what stands in place of a fault."""
    how = "lost" if lost["until_s"] is None else "stood still"
    return f"{_process(lost)}, {how} with its boxes"


def _process(lost: Mapping[str, Any]) -> str:
    return name_of_process(lost["process"], lost["processes"])


def absence_text(lost: Mapping[str, Any]) -> str:
    """Return from when on boxes were not there, and until when, where they came back."""
    since_s, until_s = f"{max(lost['since_s'], 0):.0f}", lost["until_s"]
    return f"from {since_s} s" if until_s is None else f"{since_s} to {until_s:.0f} s"


def verdict(injected: Mapping[str, Any]) -> str:
    """Return whether faults explain what did not open, in a sentence or two."""
    lost = injected["lost"]
    if not lost:
        return _of_faults(injected)
    words = _lost_text(lost)
    return f"{words} Without these: {_of_faults(injected)}" if injected["faults"] else words


def _lost_text(lost: Sequence[Mapping[str, Any]]) -> str:
    """Return how much of what did not open was no doing of the fleet."""
    gone = [each for each in lost if each["until_s"] is None]
    still = [each for each in lost if each["until_s"] is not None]
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


def window(fault: Mapping[str, Any]) -> str:
    """Return from when to when a fault was at work."""
    return f"{fault['start_s']:g} to {fault['end_s']:g} s"
