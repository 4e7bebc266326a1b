"""What the app of the simulated customers shows of the platform's answers."""

from __future__ import annotations

from typing import Any

import pytest

from fleet_sim.platform.operations import Answer
from fleet_sim.truth.clients.app import screen_of
from fleet_sim.truth.grading import Screen
from fleet_wire.contract.problems import (
    INTERNAL_ERROR,
    VEHICLE_REFUSED,
    VEHICLE_SILENT,
    ProblemType,
)


def answer(problem: ProblemType | None = None, **body: Any) -> Answer:
    """Return an answer of the platform."""
    return Answer(status=200 if problem is None else problem.status, body=body, problem=problem)


@pytest.mark.parametrize(
    ("given", "screen"),
    [
        (answer(state="executed"), Screen.OPEN),
        (answer(state="refused", reason="failed"), Screen.FAILED),
        (answer(state="expired"), Screen.UNKNOWN),
        (answer(VEHICLE_SILENT), Screen.UNKNOWN),
        (answer(VEHICLE_SILENT, detail="Try the door."), Screen.UNKNOWN),
        (answer(VEHICLE_REFUSED), Screen.FAILED),
        (answer(INTERNAL_ERROR), Screen.FAILED),
        (None, Screen.UNAVAILABLE),
    ],
)
def test_an_answer_is_a_screen(given: Answer | None, screen: Screen) -> None:
    """Only "executed" is an open car, or a locked one; a silent one may be open."""
    assert screen_of(given, is_unlock=True) is screen
    locked = Screen.LOCKED if screen is Screen.OPEN else screen
    assert screen_of(given, is_unlock=False) is locked
