"""Grade unlocks: what a client showed its user, held against what the door did.

`grade` is a pure function over two timelines of one car. All times are seconds of one clock.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Final

import msgspec

HAND_S: Final = 3.0
"""Seconds until a hand is on the handle: a claim of "open" that holds by then does no harm
(`CustomerParameters.opens_door`: median 4 s) [E]."""
CLOCK_S: Final = 1.0
"""Seconds for which a screen may still show what was true: the message travels."""


class Screen(StrEnum):
    """The state of a lock as a client shows it."""

    WORKING = "working"
    """A wheel: the request is under way."""
    OPEN = "open"
    LOCKED = "locked"
    FAILED = "failed"
    """The car did not do it."""
    UNKNOWN = "unknown"
    """The client does not know how it ended: try the door."""
    UNAVAILABLE = "unavailable"
    """The car cannot be reached."""


ANSWERS: Final = frozenset({Screen.OPEN, Screen.FAILED, Screen.UNKNOWN, Screen.UNAVAILABLE})
"""Screens that end a user's wait after a press of "unlock"."""
DENIALS: Final = frozenset({Screen.FAILED, Screen.UNAVAILABLE})
"""Answers by which the car stays locked."""
_STANDING: Final = frozenset({Screen.OPEN, Screen.UNAVAILABLE, Screen.WORKING})
"""Screens that answer a press when they are there already."""


class ScreenChange(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One change of a screen."""

    at_s: float
    screen: Screen
    request: str | None = None
    """The press that it answers; None: the client shows the state of the car."""
    text: str | None = None
    """The words on the screen, where the client says them; no grade depends on them."""


class DoorMovement(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One movement of the lock of the driver's door."""

    at_s: float
    is_locked: bool
    """Afterwards."""
    is_own: bool = True
    """Whether a command for this car moved it, and not a key or a command for another car."""


class Press(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One press of "unlock", and how its user went on."""

    request: str
    pressed_s: float
    looked_s: float
    """When the user's patience with the screen ended."""
    ended_s: float
    """The next press of a button, or the moment the user left."""
    left_s: float
    """When the user wanted the door open no more: "lock" was pressed, or the user left."""
    returned_s: float | None = None
    """When the user looked at the screen again, after the last press of a visit."""
    is_certain: bool = False
    """Whether nothing is wrong, so that the client can know how it ends."""


class Grade(StrEnum):
    """How true a client was about one unlock."""

    TRUE = "true"
    """It said how the unlock ended, in time."""
    LATE = "late"
    """It said so after the user's patience."""
    SILENT = "silent"
    """It said nothing of how the unlock ended."""
    STUCK = "stuck"
    """It still shows that the request is under way."""
    STALE = "stale"
    """The user returns, and the screen shows what is no longer so."""
    FALSE_FAILURE = "false_failure"
    """It said that the car stays locked, and the door opened."""
    FALSE_SUCCESS = "false_success"
    """It said that the car is open, and the door was locked."""
    OLD_COMMAND = "old_command"
    """The door opened by an old request, when the user had left or pressed "lock"."""


LIES: Final = (Grade.STALE, Grade.FALSE_FAILURE, Grade.FALSE_SUCCESS, Grade.OLD_COMMAND)
"""Grades of unlocks about which the user was told something untrue, or was not told it."""


class Graded(msgspec.Struct, frozen=True):
    """A grade, and why it was given."""

    grade: Grade
    why: str


def grade(press: Press, screens: Sequence[ScreenChange], door: Sequence[DoorMovement]) -> Graded:
    """Return the grade of one unlock; both timelines are of its car, in order of time.

    The worst that is true of the unlock counts. A car is locked before its first movement.
    """
    return _Unlock(press, screens, door).graded()


class _Unlock:
    """One unlock under examination."""

    def __init__(
        self, press: Press, screens: Sequence[ScreenChange], door: Sequence[DoorMovement]
    ) -> None:
        self._press = press
        self._screens = screens
        self._door = door
        standing = self._standing()
        self._has_standing = bool(standing)
        self._words = [*standing, *filter(self._answers_press, screens)]
        self._answers = [each for each in self._words if each.screen in ANSWERS]

    def _standing(self) -> list[ScreenChange]:
        """Return what the screen shows at the press, if it says more than "locked"."""
        pressed_s = self._press.pressed_s
        before = [each.screen for each in self._screens if each.at_s < pressed_s]
        is_told = bool(before) and before[-1] in _STANDING
        return [ScreenChange(at_s=pressed_s, screen=before[-1])] if is_told else []

    def _answers_press(self, shown: ScreenChange) -> bool:
        """Return whether the user takes a screen as the answer to this press."""
        press = self._press
        if shown.request == press.request:
            return press.pressed_s <= shown.at_s <= (press.returned_s or press.left_s)
        return press.pressed_s <= shown.at_s < press.ended_s

    def graded(self) -> Graded:
        found = (
            self._old_command()
            or self._false_success()
            or self._false_failure()
            or self._stale()
            or self._no_answer()
        )
        return found or self._in_time()

    def _old_command(self) -> Graded | None:
        press = self._press
        if press.returned_s is None:
            return None
        for moved in self._openings(press.left_s, press.returned_s):
            if moved.is_own:
                after_s = moved.at_s - press.left_s
                why = f"the door opened {after_s:.1f} s after the user wanted it no more"
                return Graded(Grade.OLD_COMMAND, why)
        return None

    def _false_success(self) -> Graded | None:
        press = self._press
        claims = [it for it in self._words if it.screen is Screen.OPEN and it.at_s < press.left_s]
        for shown in reversed(claims):  # what it showed before the press comes last
            if self._is_open_within(shown.at_s - CLOCK_S, shown.at_s + HAND_S):
                continue
            if shown is self._words[0] and self._has_standing:
                why = 'showed "open" when the button was pressed, and the door was locked'
                return Graded(Grade.STALE, why)
            after_s = shown.at_s - press.pressed_s
            why = f'showed "open" {after_s:.1f} s after the press, and the door was locked'
            return Graded(Grade.FALSE_SUCCESS, why)
        return None

    def _false_failure(self) -> Graded | None:
        """Find a denial that nothing corrected before the user went on, of a door that opened."""
        press = self._press
        if not self._answers or self._answers[-1].screen not in DENIALS:
            return None
        if not self._is_open_within(press.pressed_s, press.ended_s):
            return None
        said = self._answers[-1].screen
        return Graded(Grade.FALSE_FAILURE, f'showed "{said}", and the door opened')

    def _stale(self) -> Graded | None:
        returned_s = self._press.returned_s
        if returned_s is None:
            return None
        seen = [each.screen for each in self._screens if each.at_s <= returned_s]
        has_just_moved = any(returned_s - HAND_S < it.at_s <= returned_s for it in self._door)
        if has_just_moved or not seen or seen[-1] not in (Screen.OPEN, Screen.LOCKED):
            return None
        is_locked = self._is_locked(returned_s)
        if is_locked is (seen[-1] is Screen.LOCKED):
            return None
        door = "locked" if is_locked else "open"
        why = f'showed "{seen[-1]}" when the user returned, and the door was {door}'
        return Graded(Grade.STALE, why)

    def _no_answer(self) -> Graded | None:
        screens = {each.screen for each in self._words}
        if self._press.is_certain and screens & ANSWERS == {Screen.UNKNOWN}:
            return Graded(Grade.SILENT, "did not know how it ended, though nothing was wrong")
        if self._answers:
            return None
        if Screen.WORKING in screens:
            return Graded(Grade.STUCK, "showed that the request is under way, and no end")
        return Graded(Grade.SILENT, "showed nothing of how it ended")

    def _in_time(self) -> Graded:
        press = self._press
        first = next(it for place, it in enumerate(self._answers) if self._holds(it, place))
        after_s = first.at_s - press.pressed_s
        why = f'showed "{first.screen}" {after_s:.1f} s after the press'
        return Graded(Grade.LATE if first.at_s > press.looked_s else Grade.TRUE, why)

    def _holds(self, answer: ScreenChange, place: int) -> bool:
        """Return whether no later answer contradicts one."""
        later = {each.screen for each in self._answers[place:]}
        if answer.screen is Screen.OPEN:
            return not later & DENIALS
        return answer.screen not in DENIALS or Screen.OPEN not in later

    # The door

    def _is_locked(self, at_s: float) -> bool:
        before = [moved for moved in self._door if moved.at_s <= at_s]
        return before[-1].is_locked if before else True

    def _openings(self, from_s: float, to_s: float) -> Iterator[DoorMovement]:
        """Yield the movements after a moment by which a locked door became an unlocked one."""
        was_locked = True
        for moved in self._door:
            if from_s < moved.at_s <= to_s and was_locked and not moved.is_locked:
                yield moved
            was_locked = moved.is_locked

    def _is_open_within(self, from_s: float, to_s: float) -> bool:
        return not self._is_locked(from_s) or any(self._openings(from_s, to_s))
