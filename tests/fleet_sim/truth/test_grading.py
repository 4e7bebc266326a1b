"""The grade of an unlock, from what was shown and what the door did."""

from __future__ import annotations

from itertools import product

from msgspec.structs import replace

from fleet_sim.truth.grading import (
    ANSWERS,
    DENIALS,
    LIES,
    DoorMovement,
    Grade,
    Press,
    Screen,
    ScreenChange,
    grade,
)

LAST = Press(
    request="r1", pressed_s=100.0, looked_s=110.0, ended_s=112.0, left_s=112.0, returned_s=126.0
)
"""The only press of a visit: the user waits 10 s, reads, leaves, and returns."""
FIRST = Press(request="r1", pressed_s=100.0, looked_s=110.0, ended_s=112.0, left_s=124.0)
"""A press after which the user pressed again at 112 s."""
CERTAIN = replace(LAST, is_certain=True)
WORKING, OPEN, LOCKED = Screen.WORKING, Screen.OPEN, Screen.LOCKED
FAILED, UNKNOWN, UNAVAILABLE = Screen.FAILED, Screen.UNKNOWN, Screen.UNAVAILABLE
Events = list[tuple[float, Screen]]
Door = list[tuple[float, bool]]


def graded(press: Press, screens: Events, door: Door, request: str | None = "r1") -> Grade:
    """Return the grade of a press; of the door, times and whether it is locked from then on."""
    shown = [ScreenChange(at_s=at_s, screen=screen, request=request) for at_s, screen in screens]
    moved = [DoorMovement(at_s=at_s, is_locked=is_locked) for at_s, is_locked in door]
    return grade(press, shown, moved).grade


OPENS: Door = [(102.0, False)]
STAYS: Door = []
CASES: list[tuple[str, Grade, Press, Events, Door]] = [
    ("opens and says so", Grade.TRUE, LAST, [(100.1, WORKING), (102.1, OPEN)], OPENS),
    ("stays and says so", Grade.TRUE, LAST, [(105.0, FAILED)], STAYS),
    ("unavailable, and stays", Grade.TRUE, LAST, [(100.1, UNAVAILABLE)], STAYS),
    ("does not know, stays", Grade.TRUE, LAST, [(105.0, UNKNOWN)], STAYS),
    ("does not know, opens", Grade.TRUE, LAST, [(105.0, UNKNOWN)], OPENS),
    ("open by the time of the hand", Grade.TRUE, LAST, [(100.1, OPEN)], OPENS),
    ("open, shown while a message travels", Grade.TRUE, FIRST, [(103.0, OPEN)],
     [(102.0, False), (102.5, True)]),
    ("open before the press, and shown", Grade.TRUE, FIRST, [(90.0, OPEN)], [(89.0, False)]),
    ("unavailable before the press", Grade.TRUE, LAST, [(90.0, UNAVAILABLE)], STAYS),
    ("corrected before the user went on", Grade.TRUE, FIRST,
     [(101.0, FAILED), (103.0, OPEN)], OPENS),
    ("corrected after patience", Grade.LATE, FIRST, [(101.0, FAILED), (111.0, OPEN)], OPENS),
    ("says so late", Grade.LATE, LAST, [(111.0, FAILED)], STAYS),
    ("opens late and says so", Grade.LATE, LAST, [(111.0, OPEN)], [(110.5, False)]),
    ("says so when the user has pressed again", Grade.LATE, LAST, [(120.0, FAILED)], STAYS),
    ("nothing at all, stays", Grade.SILENT, LAST, [], STAYS),
    ("nothing at all, opens", Grade.SILENT, FIRST, [], OPENS),
    ("only that it is locked as before", Grade.SILENT, LAST, [(100.1, LOCKED)], STAYS),
    ("does not know, nothing wrong", Grade.SILENT, CERTAIN, [(105.0, UNKNOWN)], OPENS),
    ("a wheel for ever", Grade.STUCK, LAST, [(100.1, WORKING)], STAYS),
    ("a wheel since an earlier press", Grade.STUCK, LAST, [(90.0, WORKING)], STAYS),
    ("a wheel until the next press", Grade.STUCK, FIRST, [(100.1, WORKING)], OPENS),
    ("open before the press, and locked since", Grade.STALE, FIRST, [(90.0, OPEN)], STAYS),
    ("open shown at the return, and locked", Grade.STALE, LAST, [(102.0, OPEN)],
     [(102.0, False), (115.0, True)]),
    ("locked shown at the return, and open", Grade.STALE, LAST,
     [(102.0, OPEN), (113.0, LOCKED)], OPENS),
    ("failed, and opens", Grade.FALSE_FAILURE, LAST, [(105.0, FAILED)], OPENS),
    ("failed, and opens after that", Grade.FALSE_FAILURE, LAST, [(105.0, FAILED)],
     [(108.0, False)]),
    ("unavailable, and opens", Grade.FALSE_FAILURE, FIRST, [(100.1, UNAVAILABLE)], OPENS),
    ("unavailable before the press, and opens", Grade.FALSE_FAILURE, FIRST,
     [(90.0, UNAVAILABLE)], OPENS),
    ("opens by the next press", Grade.TRUE, FIRST, [(101.0, FAILED)], [(113.0, False)]),
    ("open, and stays", Grade.FALSE_SUCCESS, LAST, [(100.2, OPEN)], STAYS),
    ("open, long before it opens", Grade.FALSE_SUCCESS, LAST, [(100.2, OPEN)], [(104.0, False)]),
    ("open again, and still locked", Grade.FALSE_SUCCESS, FIRST,
     [(90.0, OPEN), (100.2, OPEN)], STAYS),
    ("open, corrected", Grade.FALSE_SUCCESS, LAST, [(100.2, OPEN), (104.0, FAILED)], STAYS),
    ("opens when the user has left", Grade.OLD_COMMAND, LAST, [(105.0, FAILED)],
     [(119.0, False)]),
    ("opens again after lock", Grade.OLD_COMMAND, LAST, [(102.0, OPEN)],
     [(102.0, False), (113.0, True), (120.0, False)]),
    ("fails after the return, unseen", Grade.SILENT, LAST, [(127.0, FAILED)], STAYS),
    ("opens after the return, unseen", Grade.TRUE, LAST, [(105.0, FAILED), (127.0, OPEN)], STAYS),
    ("moves while a message travels at the return", Grade.TRUE, LAST, [(102.0, OPEN)],
     [(102.0, False), (125.0, True)]),
]  # fmt: skip


def test_each_story_has_its_grade() -> None:
    """As a user would tell it; the stories show all grades."""
    for story, expected, press, screens, door in CASES:
        assert graded(press, screens, door) is expected, story
    assert {case[1] for case in CASES} == set(Grade)


def test_an_answer_to_an_earlier_press_counts_for_that_press() -> None:
    """It comes after the next press, and names its own."""
    shown = [ScreenChange(at_s=100.1, screen=WORKING, request="r1")]
    late = ScreenChange(at_s=125.0, screen=FAILED, request="r1")
    assert grade(LAST, shown, []).grade is Grade.STUCK
    assert grade(LAST, [*shown, late], []).grade is Grade.LATE


def test_a_key_or_another_cars_command_is_no_old_command() -> None:
    """The door opens after the user left, and not by this client."""
    screens = [ScreenChange(at_s=105.0, screen=FAILED, request="r1")]
    door = [DoorMovement(at_s=119.0, is_locked=False, is_own=False)]
    assert grade(LAST, screens, door).grade is Grade.TRUE


CLAIMS = [None, *Screen]


def test_every_story_of_two_screens() -> None:
    """Whatever is shown and whenever the door opens, the grade keeps what it means."""
    for first, second, opens_s in product(CLAIMS, CLAIMS, (None, 101.0, 111.0, 119.0)):
        times = ((100.5, first), (105.0, second))
        screens = [(at_s, screen) for at_s, screen in times if screen is not None]
        door = [] if opens_s is None else [(opens_s, False)]
        found = graded(LAST, screens, door)
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
