"""Every story of two screens has a grade that keeps what it means; `grading.txt` has others."""

from __future__ import annotations

from itertools import product

from fleet_sim.truth.grading import (
    ANSWERS,
    DENIALS,
    LIES,
    DoorMovement,
    Grade,
    Screen,
    ScreenChange,
    grade,
)
from tests.helpers.truth_player import LAST

WORKING, OPEN, LOCKED = Screen.WORKING, Screen.OPEN, Screen.LOCKED
Events = list[tuple[float, Screen]]
CLAIMS = [None, *Screen]


def test_every_story_of_two_screens() -> None:
    """Whatever is shown and whenever the door opens, the grade keeps what it means."""
    for first, second, opens_s in product(CLAIMS, CLAIMS, (None, 101.0, 111.0, 119.0)):
        times = ((100.5, first), (105.0, second))
        screens = [(at_s, screen) for at_s, screen in times if screen is not None]
        shown = [ScreenChange(at_s=at_s, screen=each, request="r1") for at_s, each in screens]
        door = [] if opens_s is None else [DoorMovement(at_s=opens_s, is_locked=False)]
        found = grade(LAST, shown, door).grade
        assert found in grades_of(screens, opens_s), (screens, opens_s)


def grades_of(screens: Events, opens_s: float | None) -> set[Grade]:
    """Return the grades that a story of two screens may have."""
    shown = {screen for _, screen in screens}
    if opens_s == 119.0:
        return {Grade.OLD_COMMAND}
    if OPEN in shown and opens_s != 101.0:
        return {Grade.FALSE_SUCCESS}
    if screens and screens[-1][1] is LOCKED and opens_s is not None:
        return {*LIES}
    if not shown & ANSWERS:
        return {Grade.STUCK if WORKING in shown else Grade.SILENT}
    last = [screen for _, screen in screens if screen in ANSWERS][-1]
    is_denied = last in DENIALS and opens_s is not None
    return {Grade.FALSE_FAILURE if is_denied else Grade.TRUE}
