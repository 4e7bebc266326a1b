"""Evidence from ended unlocks about others: by place, by account, by booking. No I/O."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final, NamedTuple

from fleet_wire.contract.attempt import Attempt, PlatformSide, Source, Stage
from fleet_wire.contract.causes import Cause
from fleet_wire.latest import remember
from platform_probe.judge.diagnosis.accounts import ACCOUNT_S, Accounts
from platform_probe.judge.diagnosis.car_history import CarHistory
from platform_probe.judge.diagnosis.case import FEWEST
from platform_probe.judge.diagnosis.neighbours import Comparison, Neighbours, Place, Share
from platform_probe.judge.diagnosis.records import traits_of_record
from platform_probe.judge.diagnosis.seen_of_platform import is_signed_out

MAX_COUNTED: Final = 20_000
"""Unlocks that can be taken back, as their record is revised; older ones stay as counted."""
ANSWERED_LAST: Final = 20
"""The requests that show whether many phones are signed out, or this one.

They are as many seconds of a town, and a moment of a large fleet, in which some phone always is
[E].
"""
NAMED_MOSTLY: Final = 4
"""The ratio of commands with a booking to those without, from which customers' commands name theirs
[E].
"""
_PUBLISHED: Final = Stage.PUBLISHED.value

Counted = tuple[float, Cause | None, tuple[Place, ...]]
"""The counted facts of an unlock: its start, its cause, and its places.

Not its record: thousands of these would be kept for as long.
"""


class _AnsweredRequest(NamedTuple):
    """A request that the platform has answered."""

    began_s: float
    vehicle_id: str
    is_signed_out: bool
    """Whether the answer was that the phone is not signed in."""


class EndedUnlocks:
    """Counts every unlock that has ended, and takes one back when its record is revised."""

    def __init__(self, neighbours: Neighbours) -> None:
        self._neighbours = neighbours
        self.accounts = Accounts()
        """The requests of customers' accounts."""
        self._counted: OrderedDict[str, Counted] = OrderedDict()
        self._answered: OrderedDict[str, _AnsweredRequest] = OrderedDict()
        """The requests of customers that the platform has answered last."""
        self._monitors: OrderedDict[str, _AnsweredRequest] = OrderedDict()
        """Those of monitors: all of one have the same token, so customers are not held against
        these."""
        self._booked = self._unbooked = 0
        """Unlocks of customers whose command named a booking, and none."""

    @property
    def name_bookings(self) -> bool:
        """Whether customers' commands mostly name their booking on this wire."""
        return self._booked >= FEWEST and self._booked > NAMED_MOSTLY * self._unbooked

    def add_unlock(self, record: Attempt, car: CarHistory, began_s: float) -> None:
        """Count an unlock, replacing the count of its earlier record.

        `car` does not have it yet. Only one of several retries with the same result counts.
        """
        counted = self._counted.pop(record.attempt_id, None)
        if counted is not None:
            self._neighbours.take_back(*counted)
        elif record.source is Source.CUSTOMER and _PUBLISHED in record.stages:
            self._booked += record.booking_id is not None
            self._unbooked += record.booking_id is None
        if not _is_retry(record, car, began_s) and not _is_monitors_refusal(record):
            counted = began_s, record.cause, traits_of_record(record)
            self._neighbours.add_unlock(*counted)
            remember(self._counted, record.attempt_id, counted, MAX_COUNTED)
        if record.platform:
            self._note_account(record, record.platform, began_s)
            self._note_answer(record, record.platform, began_s)

    def _note_account(self, record: Attempt, side: PlatformSide, began_s: float) -> None:
        if record.source is Source.CUSTOMER:
            self.accounts.note(side, record.vehicle_id, began_s, booking_id=record.booking_id)
        elif side.account_id is not None:
            self.accounts.is_of_monitor(side.account_id)

    def signed_out_beside(self, record: Attempt, began_s: float) -> Share:
        """Return of the last requests for other cars how many came of phones not signed in."""
        is_customer = record.source is Source.CUSTOMER
        monitors = () if is_customer else self._monitors.values()
        others = {
            vehicle_id: signed_out
            for at_s, vehicle_id, signed_out in (*self._answered.values(), *monitors)
            if vehicle_id != record.vehicle_id and abs(at_s - began_s) < ACCOUNT_S
        }
        return Share(sum(others.values()), len(others))

    def _note_answer(self, record: Attempt, side: PlatformSide, began_s: float) -> None:
        if side.status is not None:
            answered = _AnsweredRequest(began_s, record.vehicle_id, is_signed_out(side))
            is_customer = record.source is Source.CUSTOMER
            kept = self._answered if is_customer else self._monitors
            remember(kept, record.attempt_id, answered, ANSWERED_LAST)

    def compare(self, record: Attempt, began_s: float) -> dict[Place, Comparison]:
        """Return how others fared at the time, see `Neighbours.compare`."""
        counted = self._counted.get(record.attempt_id)
        if counted is not None:
            self._neighbours.take_back(began_s, *counted[1:])
        compared = self._neighbours.compare(began_s, record.cause, traits_of_record(record))
        if counted is not None:
            self._neighbours.add_unlock(began_s, *counted[1:])
        return compared


def _is_monitors_refusal(record: Attempt) -> bool:
    """Return whether the API has refused an unlock of a monitor's: by its own token and bookings.

    How customers fare at the platform that says not.
    """
    return record.source is not Source.CUSTOMER and record.cause is Cause.API_REFUSED


def _is_retry(record: Attempt, car: CarHistory, began_s: float) -> bool:
    """Return whether an unlock of the car shortly before or after it came to the same."""
    went_well = record.cause is None
    for past in car.attempts:
        if (
            past.attempt_id != record.attempt_id
            and abs(past.began_s - began_s) < ACCOUNT_S
            and (past.cause is None) is went_well
        ):
            return True
    return False
