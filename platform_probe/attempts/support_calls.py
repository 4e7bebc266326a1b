"""Customers who called support, and the unlocks that they may have called about. No I/O.

A call is known from the platform's log, as a line of its helpdesk. What the customer had asked for
before stands in other records. Where nothing does, nothing of it ever reached the platform: the
call is then the only trace of an unlock that failed.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

import msgspec
from msgspec import UNSET

from fleet_wire.contract.attempt import Attempt, Complaint
from fleet_wire.contract.platform_log import PlatformEvent
from platform_probe.attempts.evidence import Build
from platform_probe.attempts.timings import rounded

MAX_KEYS: Final = 50_000
"""Bookings whose unlocks are remembered, and as many cars; the oldest is forgotten for each one
above."""
MAX_EACH: Final = 16
"""Unlocks remembered of each."""
MAX_WAITING: Final = 10_000
"""Calls that may wait for their unlocks; above, the oldest is made a complaint at once."""


class _Unlock(msgspec.Struct, frozen=True, gc=False):
    attempt_id: str
    began_s: float
    """Unix seconds on the monitor's clock."""
    booking_id: str | None
    account_id: str | None
    has_failed: bool


_Unlocks = OrderedDict[str, list[_Unlock]]
"""By booking, or by car; what was remembered last is the last."""


class SupportCalls:
    """Remembers unlocks for `keep_s`, and lets a call wait until those before it are judged."""

    def __init__(self, *, keep_s: float) -> None:
        self._keep_s = keep_s
        self._by_booking: _Unlocks = OrderedDict()
        self._by_car: _Unlocks = OrderedDict()
        self._waiting: list[PlatformEvent] = []
        """In the order in which they came."""

    def __len__(self) -> int:
        """Return how many calls wait."""
        return len(self._waiting)

    def note(self, attempt: Attempt) -> None:
        """Remember an unlock that was judged."""
        account_id = attempt.platform.account_id if attempt.platform else None
        unlock = _Unlock(
            attempt.attempt_id,
            attempt.started_at,
            attempt.booking_id,
            account_id,
            attempt.cause is not None,
        )
        if attempt.booking_id is not None:
            _remember(self._by_booking, attempt.booking_id, unlock)
        if attempt.vehicle_id:
            _remember(self._by_car, attempt.vehicle_id, unlock)

    def take(self, call: PlatformEvent) -> None:
        """Let a call wait."""
        self._waiting.append(call)

    def due(self, mark_at: float) -> list[PlatformEvent]:
        """Return the calls before a moment of the platform's clock: they wait no more."""
        ready = [call for call in self._waiting if call.at <= mark_at]
        kept = [call for call in self._waiting if call.at > mark_at]
        too_many = max(len(kept) - MAX_WAITING, 0)
        self._waiting = kept[too_many:]
        return ready + kept[:too_many]

    def next_at(self) -> float | None:
        """Return when the first call was, on the platform's clock; None: none waits."""
        return min((call.at for call in self._waiting), default=None)

    def complaint(
        self, call: PlatformEvent, *, unix_offset_s: float, load_began_at: float, build: Build
    ) -> Complaint:
        """Return the record of a call.

        `unix_offset_s` is to add to the platform's times for Unix seconds of the monitor's clock,
        `load_began_at` are such seconds.
        """
        at = call.at + unix_offset_s
        return Complaint(
            complaint_id=call.request_id,
            at=at,
            scheduled_s=rounded(at - load_began_at),
            vehicle_id=call.vehicle_id or "",
            booking_id=call.booking_id,
            account_id=call.account_id,
            app_version=call.app_version,
            shown=call.shown,
            attempts=tuple(self._before(call, at)),
            region=build.region,
            operator=build.operator,
            firmware=build.firmware,
            hardware=build.hardware,
            site=build.site or UNSET,
        )

    def _before(self, call: PlatformEvent, at: float) -> list[str]:
        """Return the unlocks that a call may be about, the first first."""
        of_booking = self._by_booking.get(call.booking_id or "", ())
        of_car = self._by_car.get(call.vehicle_id or "", ())
        fitting = {
            unlock
            for unlock in (*of_booking, *of_car)
            if at - self._keep_s <= unlock.began_s <= at and _is_of(unlock, call)
        }
        in_order = sorted(fitting, key=lambda unlock: (unlock.began_s, unlock.attempt_id))
        return [unlock.attempt_id for unlock in in_order]


def _remember(unlocks: _Unlocks, key: str, unlock: _Unlock) -> None:
    known = unlocks.setdefault(key, [])
    unlocks.move_to_end(key)
    if len(known) == MAX_EACH:
        del known[0]
    known.append(unlock)
    if len(unlocks) > MAX_KEYS:
        unlocks.popitem(last=False)


def _is_of(unlock: _Unlock, call: PlatformEvent) -> bool:
    """Return whether an unlock of a call's booking or car may be what the call is about.

    An app may have forgotten its booking: then the account tells. What opened for another booking
    was another ride.
    """
    if not _agree(unlock.account_id, call.account_id):
        return False
    if _agree(unlock.booking_id, call.booking_id):
        return True
    return unlock.has_failed and None not in (unlock.account_id, call.account_id)


def _agree(one: str | None, other: str | None) -> bool:
    """Return whether two ids may be the same: one that is not known may be any."""
    return one is None or other is None or one == other
