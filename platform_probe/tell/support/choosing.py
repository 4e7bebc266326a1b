"""Which of several unlocks is meant by who names a car, a customer or a booking."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from fleet_wire.contract.attempt import Flag
from fleet_wire.contract.diagnosis import NOTHING_WRONG
from platform_probe.tell.support.believed import ACCUSES
from platform_probe.tell.support.rows import Row, unix_s

AGAIN_S: Final = 180.0
"""The time in which a customer who presses again after an opening mostly stood before a closed car
[E].
"""
_BETWEEN: Final = 20
"""The most unlocks between two of one customer."""


class ChoiceReason(StrEnum):
    """The reason why this one of several unlocks is shown; texts `choice.` say it."""

    NEAREST = "nearest"
    NEAREST_WRONG = "nearest_wrong"
    WENT_WRONG = "went_wrong"
    PRESSED_AGAIN = "pressed_again"
    LAST = "last"


@dataclass(frozen=True, slots=True)
class Moment:
    """A time at which something is said to have been: 08:15 is the whole minute."""

    at_s: float
    """Unix seconds."""
    lasts_s: float = 0.0

    def away_s(self, row: Row, time: str = "started_at") -> tuple[float, float]:
        """Return how far an unlock, or a call, is away, and from the beginning, for comparison."""
        after_s = unix_s(row[time]) - self.at_s
        return max(-after_s, after_s - self.lasts_s, 0.0), abs(after_s)

    def nearest_of(self, unlocks: Iterable[Row]) -> Row | None:
        """Return the unlock that is nearest, of those that went wrong if there are any."""
        return min(
            unlocks, key=lambda each: (not went_wrong(each), self.away_s(each)), default=None
        )


@dataclass(frozen=True, slots=True)
class Choice:
    """The rank of an unlock among all that fit, and why it was chosen."""

    why: ChoiceReason
    number: int
    """In order of time, from 1."""
    of: int


def likely_meant(unlocks: Sequence[Row]) -> Row | None:
    """Return which unlock is meant where none is named: the last that went wrong, else the last.

    A customer whose car has opened since asks all the same why it took so long. If no failure is
    known, an opening counts as failed if its customer pressed again soon after. This does not
    apply if another unlock of the booking is known to have failed. `unlocks` have the last one
    first, each with its believed mode.
    """
    wrong = next(filter(went_wrong, unlocks), None)
    again = next(_repeated_presses(unlocks), None)
    if again is None or (wrong is not None and _is_rather(wrong, again)):
        return next(iter(unlocks), None) if wrong is None else wrong
    return again


def went_wrong(unlock: Row) -> bool:
    """Return whether somebody would call: not opened, told so, or diagnosed all the same.

    A suspicious account's customer does not know of it.
    """
    is_told_otherwise = Flag.TOLD_OTHERWISE in (unlock["flags"] or ())
    is_diagnosed = unlock["failure_mode"] not in (None, NOTHING_WRONG, *ACCUSES)
    return bool(unlock["cause"] or is_diagnosed or is_told_otherwise)


def why_chosen(unlock: Row, unlocks: Sequence[Row]) -> ChoiceReason:
    """Return why `asked_about` has chosen an unlock of several."""
    if went_wrong(unlock):
        return ChoiceReason.WENT_WRONG
    is_again = any(one is unlock for one in _repeated_presses(unlocks))
    return ChoiceReason.PRESSED_AGAIN if is_again else ChoiceReason.LAST


def is_call_meant(call: Row, unlock: Row, why: ChoiceReason) -> bool:
    """Return whether a call about an unlock that nobody saw is meant, and not this unlock.

    It went wrong too: where it is the last that did, or nothing else did.
    """
    return why is ChoiceReason.LAST or unix_s(call["called_at"]) > unix_s(unlock["started_at"])


def is_soon_after(unlock: Row, later: Row) -> bool:
    """Return whether somebody has asked for a car soon after an unlock that has opened it."""
    after_s = unix_s(later["started_at"]) - unix_s(unlock["started_at"]) - unlock["total_s"]
    is_of_car = unlock["vehicle_id"] == later["vehicle_id"]
    return unlock["cause"] is None and is_of_car and 0.0 <= after_s <= AGAIN_S


def _repeated_presses(unlocks: Sequence[Row]) -> Iterator[Row]:
    """Yield those after which their customer pressed again, the last one first."""
    for place, unlock in enumerate(unlocks):
        if any(
            is_soon_after(unlock, later) and _is_same_booking(unlock, later)
            for later in unlocks[:place][-_BETWEEN:]
        ):
            yield unlock


def _is_rather(wrong: Row, again: Row) -> bool:
    """Return whether one that went wrong is meant, and not one that was pressed again after."""
    is_later = unix_s(wrong["started_at"]) > unix_s(again["started_at"])
    return is_later or (wrong["booking_id"] is not None and _is_same_booking(wrong, again))


def _is_same_booking(one: Row, other: Row) -> bool:
    """Return whether two unlocks are of one booking, or of one customer without any."""
    if one["booking_id"] is not None or other["booking_id"] is not None:
        return bool(one["booking_id"] == other["booking_id"])
    return one["account_id"] is not None and one["account_id"] == other["account_id"]
