"""Effects of failures on rentals: whether they begin, their delay, and calls to support.

A rental begins when its car first opens for its booking. One whose first unlock fails is followed
for half an hour by the times of the records, and counted then. A rental that began before the
monitor counts as a beginning once more.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from typing import Final

from prometheus_client import CollectorRegistry

from fleet_wire.contract.attempt import Attempt, Complaint, Source
from fleet_wire.contract.causes import Outcome
from fleet_wire.contract.incident import Incident, IncidentKind
from fleet_wire.series import SeriesMaker

FOLLOWED_S: Final = 1_800.0
"""The time without success after which a customer has given up [E]."""
MAX_TROUBLED: Final = 20_000
MAX_BEGUN: Final = 100_000
"""Bookings that are remembered, so that no later unlock of theirs counts as a beginning."""
_YES_NO: Final = ("no", "yes")
_OF_NO_UNLOCK: Final = frozenset({IncidentKind.SUSPICIOUS, IncidentKind.MONITOR_BLIND})


@dataclass(slots=True)
class _Troubled:
    """A booking whose first unlock failed."""

    attempt: Attempt
    tried_until: float
    """When its customer's last try ended, or the car opened, Unix seconds."""
    has_begun: bool = False
    is_known: bool = False
    """Whether an incident that covers it was open before its customer called, if that ever was."""
    has_called: bool = False


class RentalMetrics(SeriesMaker):
    """Counts customers' bookings by their unlocks and calls to support."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry)
        begun = self._counter(
            "rentals_begun", "Bookings whose car has opened for the first time, by whether an"
            " unlock of theirs had failed before.", "after_failure",
        )  # fmt: skip
        self._begun = {each: begun.labels(each) for each in _YES_NO}
        failed = self._counter(
            "rentals_failed", "Bookings whose first unlock failed, half an hour later: whether"
            " their car has opened, whether an incident that covers them was open before their"
            " customer called, or at all, and whether the customer called support.",
            "opened", "known", "called",
        )  # fmt: skip
        self._failed = {ends: failed.labels(*ends) for ends in product(_YES_NO, repeat=3)}
        self._lost_s = self._counter(
            "rental_lost_seconds", "From the first unlock of a booking that failed until its car"
            " opened, or until its customer's last try.",
        ).labels()  # fmt: skip
        calls = self._counter(
            "support_calls", "Customers who called support, by whether an unlock of theirs was"
            " seen before.", "unlock_seen",
        )  # fmt: skip
        self._calls = {each: calls.labels(each) for each in _YES_NO}
        self._troubled: dict[str, _Troubled] = {}
        self._has_begun: dict[str, None] = {}
        self._open: tuple[Incident, ...] = ()

    def count(self, attempt: Attempt) -> None:
        """Count an unlock that was seen as it happened; those that were refused tell nothing."""
        booking_id, outcome = attempt.booking_id, attempt.outcome
        if attempt.source is not Source.CUSTOMER or booking_id is None:
            return
        ended_at = attempt.started_at + attempt.total_s
        self._settle(ended_at)
        if booking_id in self._has_begun or outcome is Outcome.REFUSED:
            return
        troubled = self._troubled.get(booking_id)
        if outcome is Outcome.OK:
            self._begun[_YES_NO[troubled is not None]].inc()
            self._note_begun(booking_id)
            if troubled is not None:
                troubled.has_begun, troubled.tried_until = True, ended_at
        elif troubled is not None:
            troubled.tried_until = ended_at
        else:
            is_known = any(_covers(incident, attempt) for incident in self._open)
            self._troubled[booking_id] = _Troubled(attempt, ended_at, is_known=is_known)
            if len(self._troubled) > MAX_TROUBLED:
                self._end_booking(next(iter(self._troubled)))

    def count_call(self, call: Complaint) -> None:
        """Count a customer who called support."""
        self._calls[_YES_NO[bool(call.attempts)]].inc()
        troubled = self._troubled.get(call.booking_id or "")
        if troubled is not None:
            troubled.has_called = True

    def note_incidents(self, going_on: Iterable[Incident]) -> None:
        """Handle the incidents that go on: their coverage is known from now on."""
        self._open = tuple(one for one in going_on if one.kind not in _OF_NO_UNLOCK)
        for troubled in self._troubled.values():
            if not troubled.has_called and not troubled.is_known:
                troubled.is_known = any(_covers(one, troubled.attempt) for one in self._open)

    def _settle(self, now: float) -> None:
        """Count those that were followed for long enough."""
        while self._troubled:
            booking_id, first = next(iter(self._troubled.items()))
            if now < first.attempt.started_at + FOLLOWED_S:
                return
            self._end_booking(booking_id)

    def _end_booking(self, booking_id: str) -> None:
        troubled = self._troubled.pop(booking_id)
        self._note_begun(booking_id)  # or it is lost: what it does later is no beginning
        ends = (troubled.has_begun, troubled.is_known, troubled.has_called)
        self._failed[tuple(_YES_NO[each] for each in ends)].inc()
        self._lost_s.inc(max(troubled.tried_until - troubled.attempt.started_at, 0.0))

    def _note_begun(self, booking_id: str) -> None:
        self._has_begun[booking_id] = None
        if len(self._has_begun) > MAX_BEGUN:
            del self._has_begun[next(iter(self._has_begun))]


def _covers(incident: Incident, attempt: Attempt) -> bool:
    """Return whether an unlock shares what those that an incident hits have in common."""
    return all(
        value in (getattr(attempt, trait, None), getattr(attempt.platform, trait, None))
        for trait, value in incident.cohort.items()
    )
