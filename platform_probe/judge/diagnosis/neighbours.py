"""Other unlocks and other cars at the time: similar failures, and successes. Bounded; no I/O.

Everything is counted by the minute, and minutes that are over for long are forgotten.
"""

from __future__ import annotations

from operator import itemgetter
from typing import Any, Final, NamedTuple

from fleet_wire.contract.causes import Cause

STEP_S: Final = 20.0
WINDOWS: Final = (2, 6, 15, 30)
"""Unlocks that began so many steps before, or since, are neighbours: the fewest with enough, ten
minutes at most [E]."""
ENOUGH: Final = 40
"""Neighbours that suffice: those of a longer time may have failed of something else [E]."""
KEPT_S: Final = 2_400.0
WAVE_S: Final = 30.0
"""Wills and new connections are counted in steps of this."""
MOMENT_S: Final = 1.0
"""And in steps of this: a break that strikes all at once, or a firmware without jitter [E]."""
RETRY_S: Final = 120.0
"""An unlock of the same car so soon after another one is the same customer's [E]."""

PLATFORM: Final = "platform"
DELIVERY: Final = "delivery"
CAR: Final = "car"
_FAMILIES: Final = (PLATFORM, DELIVERY, CAR)
_FAMILY_OF: Final[dict[Cause | None, str | None]] = {
    None: None,
    Cause.API_REFUSED: PLATFORM,
    Cause.API_FAILED: PLATFORM,
    Cause.NOT_PUBLISHED: PLATFORM,
    Cause.BROKER_UNREACHABLE: DELIVERY,
    Cause.BROKER_DENIED: DELIVERY,
    Cause.NO_SUBSCRIBER: DELIVERY,
    Cause.BOX_OFFLINE: DELIVERY,
    Cause.BOX_ASLEEP: DELIVERY,
    Cause.BOX_SILENT: DELIVERY,
    Cause.DOWNLINK_LOST: DELIVERY,
    Cause.EXECUTION_SILENT: DELIVERY,
    Cause.UNCLASSIFIED: DELIVERY,
}
"""Which failures are alike; what is not listed failed at the car itself."""


def family_of(cause: Cause | None) -> str | None:
    """Return the family of similar failures that one belongs to; None for a success."""
    return _FAMILY_OF.get(cause, CAR)


Place = tuple[str, str]
"""A dimension and its value, such as `("operator", "operator-a")`."""
ALL: Final[Place] = ("all", "")
BOTH: Final = "region and operator"


def region_and_operator(places: tuple[Place, ...]) -> Place:
    """Return region and operator as one place, because an outage hits all cars there."""
    known = dict(places)
    return BOTH, f"{known.get('region')}/{known.get('operator')}"


class Share(NamedTuple):
    """The number of unlocks, and of those that failed alike."""

    failed: int
    total: int

    @property
    def rate(self) -> float:
        """The share, of 1; 0 of none."""
        return self.failed / self.total if self.total else 0.0

    def without(self, others: Share) -> Share:
        """Return those that are not among others."""
        return Share(self.failed - others.failed, self.total - others.total)


class Back(NamedTuple):
    """The number of boxes that came back from a silence, and how soon."""

    by_ping: int
    """Returned as soon as a ping finds a dead connection."""
    overdue: int
    """Later than that."""


class Waves(NamedTuple):
    """The number of boxes that were lost with one, and came back with it."""

    wills: int = 0
    lost_alike: int = 0
    """Those that were lost in the same way as that one: in silence, or whatever way."""
    returns: int = 0
    back_of_those_lost: int = 0
    """How many of those that were lost are back, at least."""
    others_back: Back | None = None
    """How boxes came back that fell silent with it; None: it was never heard of."""
    wills_at_once: int = 0
    lost_without_command: int = 0
    """How many of these had no command in the seconds before."""
    cut_at_once: int = 0
    """How many of these the broker has not given up for their silence."""
    returns_at_once: int = 0


class Comparison(NamedTuple):
    """Unlocks of cars that have something in common, and those of all others."""

    inside: Share
    outside: Share


_TOTAL: Final = len(_FAMILIES)
_total_of: Final = itemgetter(_TOTAL)
_Counts = list[int]
"""How many failed of each family, and how many there were."""
_Cells = tuple[_Counts, ...]
"""The counts of all, and of each place."""


class _Minute:
    """Unlocks that began in one minute."""

    __slots__ = ("all", "by_place", "cells")

    def __init__(self) -> None:
        self.all: _Counts = _new_counts()
        self.by_place: dict[Place, _Counts] = {}
        self.cells: dict[tuple[Place, ...], _Cells] = {}
        """Counts by the traits that an unlock shares with others, looked up once for all equal
        ones.
        """

    def cells_of(self, places: tuple[Place, ...]) -> _Cells:
        """Return the counts of all, and of each place."""
        cells = self.cells.get(places)
        if cells is None:
            of_place = self.by_place
            cells = self.all, *(of_place.setdefault(place, _new_counts()) for place in places)
            self.cells[places] = cells
        return cells

    def count(self, places: tuple[Place, ...], family: str | None, step: int) -> None:
        """Count an unlock, or undo the count."""
        kind = None if family is None else _FAMILIES.index(family)
        for cell in self.cells_of(places):
            cell[_TOTAL] += step
            if kind is not None:
                cell[kind] += step


def _new_counts() -> _Counts:
    return [0] * (_TOTAL + 1)


class Neighbours:
    """Counts unlocks by minute and place, and wills and new connections by half minute."""

    def __init__(self) -> None:
        self._minutes: dict[int, _Minute] = {}
        self._wills: dict[int, int] = {}
        self._timeouts: dict[int, int] = {}
        self._returns: dict[int, int] = {}
        self._by_ping: dict[int, int] = {}
        self._overdue: dict[int, int] = {}
        self._wills_by_moment: dict[int, int] = {}
        self._without_command_by_moment: dict[int, int] = {}
        self._timeouts_by_moment: dict[int, int] = {}
        self._returns_by_moment: dict[int, int] = {}

    def add_unlock(self, began_s: float, cause: Cause | None, places: tuple[Place, ...]) -> None:
        """Count an unlock that has ended; without `places` it counts among all alone."""
        self._minute(began_s).count(places, family_of(cause), 1)

    def take_back(self, began_s: float, cause: Cause | None, places: tuple[Place, ...]) -> None:
        """Undo the count of an unlock whose record was revised."""
        self._minute(began_s).count(places, family_of(cause), -1)

    def will(self, at_s: float, *, after_command: bool) -> None:
        """Count a box that was lost. `after_command`: within seconds of a command to it."""
        _count(self._wills, at_s)
        _count(self._wills_by_moment, at_s, MOMENT_S)
        if not after_command:
            _count(self._without_command_by_moment, at_s, MOMENT_S)

    def timed_out(self, at_s: float) -> None:
        """Count a box whose connection the broker closed after a long silence."""
        _count(self._timeouts, at_s)
        _count(self._timeouts_by_moment, at_s, MOMENT_S)

    def online(self, at_s: float) -> None:
        """Count a box that has connected."""
        _count(self._returns, at_s)
        _count(self._returns_by_moment, at_s, MOMENT_S)

    def came_back(self, lost_s: float, *, is_overdue: bool) -> None:
        """Count a box that fell silent then, and has connected anew."""
        _count(self._overdue if is_overdue else self._by_ping, lost_s)

    def back_around(self, lost_s: float) -> Back:
        """Return how the boxes came back that fell silent within a minute or so of a moment."""
        return Back(_count_around(self._by_ping, lost_s), _count_around(self._overdue, lost_s))

    def waves_with(
        self,
        *,
        lost_s: float | None,
        returned_s: float | None,
        silent_since_s: float | None,
        fell_silent: bool,
    ) -> Waves:
        """Return how many boxes were lost, and came back, with one for which these times hold.

        None: it was not lost, it did not come back, or it did not fall silent.
        """
        waves = Waves(
            others_back=None if silent_since_s is None else self.back_around(silent_since_s)
        )
        if lost_s is not None:
            wills = self.wills_around(lost_s)
            waves = waves._replace(
                wills=wills,
                lost_alike=self.timeouts_around(lost_s) if fell_silent else wills,
                back_of_those_lost=self.back_of_those_lost(lost_s),
                wills_at_once=self.wills_at_once(lost_s),
                lost_without_command=_count_around(
                    self._without_command_by_moment, lost_s, MOMENT_S
                ),
                cut_at_once=self.cut_at_once(lost_s),
            )
        if returned_s is not None:
            waves = waves._replace(
                returns=self.returns_around(returned_s),
                returns_at_once=self.returns_at_once(returned_s),
            )
        return waves

    def wills_around(self, at_s: float) -> int:
        """Return how many boxes were lost within a minute or so of a moment."""
        return _count_around(self._wills, at_s)

    def timeouts_around(self, at_s: float) -> int:
        """Return how many boxes the broker timed out within a minute or so of a moment."""
        return _count_around(self._timeouts, at_s)

    def returns_around(self, at_s: float) -> int:
        """Return how many boxes connected within a minute or so of a moment."""
        return _count_around(self._returns, at_s)

    def back_of_those_lost(self, at_s: float) -> int:
        """Return how many of the boxes that were lost around a moment are back at least.

        That is how many have connected since, to half a minute, and were not lost later.
        """
        step = int(at_s // WAVE_S)
        back = sum(number for each, number in self._returns.items() if each > step)
        lost_later = sum(number for each, number in self._wills.items() if each > step + 2)
        return max(0, back - lost_later)

    def wills_at_once(self, at_s: float) -> int:
        """Return how many boxes were lost within some seconds of a moment."""
        return _count_around(self._wills_by_moment, at_s, MOMENT_S)

    def cut_at_once(self, at_s: float) -> int:
        """Return how many of these the broker did not time out."""
        timeouts = _count_around(self._timeouts_by_moment, at_s, MOMENT_S)
        return max(0, self.wills_at_once(at_s) - timeouts)

    def returns_at_once(self, at_s: float) -> int:
        """Return how many boxes connected within some seconds of a moment."""
        return _count_around(self._returns_by_moment, at_s, MOMENT_S)

    def compare(
        self, began_s: float, cause: Cause | None, places: tuple[Place, ...]
    ) -> dict[Place, Comparison]:
        """Return for each place, and `ALL`, how others fared, without the unlock itself.

        Failures of the same kind count as failures; for an unlock that succeeded, all failures do.
        """
        family = family_of(cause)
        kinds = range(_TOTAL) if family is None else (_FAMILIES.index(family),)
        minutes = [minute.cells_of(places) for minute in self._window(began_s)]
        shares = [
            Share(sum(cell[kind] for cell in cells for kind in kinds), sum(map(_total_of, cells)))
            for cells in zip(*minutes, strict=True)
        ] or [Share(0, 0)] * (len(places) + 1)
        everybody = shares[0]
        return {
            place: Comparison(share, everybody.without(share))
            for place, share in zip((ALL, *places), shares, strict=True)
        }

    def _minute(self, at_s: float) -> _Minute:
        number = int(at_s // STEP_S)
        minute = self._minutes.get(number)
        if minute is None:
            minute = self._minutes[number] = _Minute()
            _forget(self._minutes, number - int(KEPT_S / STEP_S))
        return minute

    def _window(self, at_s: float) -> list[_Minute]:
        """Return the minutes around a moment in which there are enough unlocks."""
        number, minutes = int(at_s // STEP_S), list[_Minute]()
        for around in WINDOWS:
            each = range(number - around, number + around + 1)
            minutes = [self._minutes[one] for one in each if one in self._minutes]
            if sum(one.all[_TOTAL] for one in minutes) >= ENOUGH:
                break
        return minutes


def _count(counts: dict[int, int], at_s: float, each_s: float = WAVE_S) -> None:
    step = int(at_s // each_s)
    if step not in counts:
        _forget(counts, step - int(KEPT_S / each_s))
    counts[step] = counts.get(step, 0) + 1


def _count_around(counts: dict[int, int], at_s: float, each_s: float = WAVE_S) -> int:
    step = int(at_s // each_s)
    return sum(counts.get(each, 0) for each in (step - 2, step - 1, step, step + 1, step + 2))


def _forget(by_number: dict[int, Any], before: int) -> None:
    for number in [each for each in by_number if each < before]:
        del by_number[number]
