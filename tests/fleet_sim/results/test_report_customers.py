"""Tests of `fleet_sim.results.report_customers`."""

from __future__ import annotations

from typing import Any

import msgspec

from fleet_sim.results.report_customers import customers_part, safety_in_words
from fleet_sim.results.summary import empty_summary


def summary(**customers: Any) -> dict[str, Any]:
    """Return the summary of a run with customers."""
    found: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(empty_summary()))
    found["customers"] |= {"total": 10, "pressed": 9, "opened": 8, **customers}
    found["platform"]["by_problem"] |= {"internal-error": 3, "vehicle-taken": 5}
    found["safety"]["movements"] = 16
    return found


def test_without_customers_there_is_no_such_part() -> None:
    """Nor in a summary that is older than they are."""
    assert customers_part(empty_summary()) is None
    assert customers_part({}) is None


def test_what_it_says() -> None:
    """Customers in a sentence and in figures, hops, and problems with what was told."""
    part = customers_part(summary(first_press_share=0.75, called_support=1))
    assert part is not None
    assert part.caption == (
        "10 customers opened the app, 9 came to a car and pressed unlock, 8 got in."
    )
    figures = {tile.label: tile.figure for tile in part.tiles}
    assert (figures["At the first press"], figures["Called support"]) == ("75 %", "1")
    assert len(part.hops) == 3
    taken, generic = part.answers
    assert (taken.problem, taken.status, taken.answers) == ("vehicle-taken", "409", "5")
    assert generic.is_generic
    assert not taken.is_generic
    assert generic.sentence.startswith("Something went wrong")


def test_safety_in_words() -> None:
    """What was found, and whether a fault explains it."""
    safe = summary()["safety"]
    assert safety_in_words(safe).startswith("16 movements of locks, each within")
    found = {**safe, "after_life": 2, "told_open": 1, "findings": 3, "unexplained": 1}
    assert safety_in_words(found) == (
        "16 movements of locks, and 2 moved after the life of their command; 1 said to be open, and"
        " not unlocked: no fault was at work on 1 of them."
    )
    assert "a fault was at work on each" in safety_in_words({**found, "unexplained": 0})
