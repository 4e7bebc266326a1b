"""Tests of `fleet_sim.results.customers`."""

from __future__ import annotations

from typing import Any

import pytest

from fleet_sim.results.customers import AnswersTally, CustomerLine, CustomersTally
from fleet_wire.contract.platform_log import PlatformEvent, PlatformStep
from fleet_wire.contract.problems import PROBLEMS
from tests.helpers.tallies import tallied


def line(customer: str, step: str, press: int | None = None, at_s: float = 0.0) -> CustomerLine:
    """Return a line of `customers.jsonl`."""
    return CustomerLine(customer, step, press, at_s)


def event(step: PlatformStep, at: float, request: str = "r1", **more: Any) -> PlatformEvent:
    """Return a line of the platform's log."""
    values = {"operation": "unlock", **more}
    return PlatformEvent(event=step, at=at, request_id=request, **values)


def test_what_customers_lived_through() -> None:
    """One got in at once, one at the third press, one never, one found no car."""
    found = tallied(CustomersTally(),
        [
            line("a", "booked"), line("a", "pressed", 1), line("a", "opened", 1, 4.0),
            line("b", "booked"), line("b", "pressed", 1), line("b", "pressed", 2),
            line("b", "pressed", 3), line("b", "opened", 3, 30.0),
            line("c", "booked"), line("c", "pressed", 1), line("c", "pressed", 2),
            line("c", "gave_up", 2), line("c", "called_support", 2),
            line("d", "not_booked"),
        ]
    ).as_json()  # fmt: skip
    assert found["total"] == 4
    assert (found["booked"], found["not_booked"], found["pressed"]) == (3, 1, 3)
    assert (found["opened"], found["opened_at_first_press"]) == (2, 1)
    assert found["opened_share"] == pytest.approx(2 / 3)
    assert found["first_press_share"] == pytest.approx(1 / 3)
    assert (found["pressed_again"], found["gave_up"], found["called_support"]) == (2, 1, 1)
    # Who did not get in counts as infinite.
    assert found["to_open"] == {"p50_s": 30.0, "p95_s": None, "p99_s": None}
    nobody = CustomersTally().as_json()
    assert nobody.keys() == found.keys()
    assert nobody["opened_share"] is nobody["to_open"]["p50_s"] is None


def test_what_phones_were_answered() -> None:
    """By problem, and what explains nothing: the generic one, and a 500 without a type."""
    step = PlatformStep
    found = tallied(AnswersTally(),
        [
            event(step.REQUESTED, 10.0), event(step.WOKEN, 10.1), event(step.PUBLISHED, 12.0),
            event(step.PUBLISHED, 20.0), event(step.ENDED, 21.0, outcome="executed"),
            event(step.ANSWERED, 21.5, status=200),
            event(step.REQUESTED, 30.0, "r2"),
            event(step.ANSWERED, 30.5, "r2", status=500, problem="internal-error"),
            event(step.ANSWERED, 31.0, "r3", status=502),
            event(step.ANSWERED, 32.0, "r4", operation="book", status=409, problem="vehicle-taken"),
        ]
    ).as_json()  # fmt: skip
    assert (found["requests"], found["answers"], found["problems"]) == (2, 4, 2)
    assert (found["generic"], found["generic_share"]) == (2, 0.5)
    assert found["by_problem"].keys() == PROBLEMS.keys()
    assert found["by_problem"]["vehicle-taken"] == 1
    assert found["commands"] == {
        "woken": 1, "published": 2, "executed": 1, "refused": 0, "expired": 0, "not_published": 0,
    }  # fmt: skip
    assert found["to_publish"]["p50_s"] == 2.0
    assert found["to_answer"]["p99_s"] == 11.5


def test_locks_do_not_hide_how_long_unlocks_take() -> None:
    """Both are answers, and only unlocks have their times here."""
    step, lock = PlatformStep, {"operation": "lock"}
    found = tallied(AnswersTally(),
        [
            event(step.REQUESTED, 10.0), event(step.PUBLISHED, 20.0), event(step.ANSWERED, 22.0),
            event(step.REQUESTED, 30.0, "r2", **lock), event(step.PUBLISHED, 30.1, "r2", **lock),
            event(step.ANSWERED, 30.2, "r2", **lock),
        ]
    ).as_json()  # fmt: skip
    assert (found["answers"], found["commands"]["published"]) == (2, 2)
    assert set(found["to_publish"].values()) == {10.0}
    assert set(found["to_answer"].values()) == {12.0}
