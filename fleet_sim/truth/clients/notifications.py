"""The screen that a notification is to its user: of which car it speaks, and what it says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from fleet_sim.truth.grading import Screen

MEANINGS: Final = {
    Screen.UNAVAILABLE: r"\b(offline|unavailable|unreachable|not (available|reachable))\b",
    Screen.UNKNOWN: r"\b(unknown|timed out|timeout|no answer)\b|(not|n['\u2019]t) (answer|respond)",
    Screen.FAILED: r"\b(fail\w*|errors?|refused|rejected|denied|jammed|cannot|not)\b|n['\u2019]t\b",
    Screen.WORKING: r"\b(locking|unlocking|opening|sending|sent|requested)\b",
    Screen.OPEN: r"\b(unlocked|open|opened)\b",
    Screen.LOCKED: r"\b(locked|closed)\b",
}
"""The words that decide what a notification says. The first line that fits counts."""


@dataclass(frozen=True, slots=True)
class NotificationMeaning:
    """The screen that a notification is, and of which car."""

    vehicle_id: str
    screen: Screen
    text: str


class Notifications:
    """Tells of which car a notification speaks; `vehicles` are the cars by a name of each."""

    def __init__(self, vehicles: Mapping[str, str]) -> None:
        self._vehicles = {each: each for each in vehicles.values()} | dict(vehicles)

    def add_name(self, name: str, another: str) -> None:
        """Add another name of a car that has a name already."""
        if another and name in self._vehicles:
            self._vehicles[another] = self._vehicles[name]

    def meaning(self, title: str, message: str, notification_id: str) -> NotificationMeaning | None:
        """Return what a notification shows; None for one that speaks of no car, or not of locks."""
        text = " ".join(filter(None, (title, message)))
        name = self._name_in(f"{text} {notification_id}")
        screen = None if name is None else _screen_of(text.replace(name, ""))
        if name is None or screen is None:
            return None
        return NotificationMeaning(self._vehicles[name], screen, text)

    def _name_in(self, text: str) -> str | None:
        """Return the first name of a car; of two that begin there the longer counts."""
        found = (
            (place.start(), -len(name), name)
            for name in self._vehicles
            if name in text
            for place in re.finditer(rf"(?<![\w.]){re.escape(name)}(?!\w|\.\w)", text)
        )
        return min(found, default=(0, 0, None))[2]


def _screen_of(text: str) -> Screen | None:
    """Return what a text without the name of its car says; None: nothing of a lock."""
    for screen, words in MEANINGS.items():
        if re.search(words, text, re.IGNORECASE):
            return screen
    return None
