"""Find the unlocks that a customer who called support may have called about. No I/O.

A call is a `support_called` line in the platform's log. It names the judged unlocks of the booking,
or of this customer with this car, shortly before it. Without any, no request reached the platform,
and the call is the only trace of the failure.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

import msgspec
from msgspec import UNSET

from fleet_wire.contract.attempt import Attempt, Complaint
from fleet_wire.contract.platform_log import PlatformEvent
from platform_probe.measure.attempts.evidence import FleetEvidence
from platform_probe.measure.attempts.joined_record import Clocks
from platform_probe.measure.attempts.platform_side import agree
from platform_probe.measure.attempts.timings import rounded

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
"""Unlocks by booking, or by car, the most recently remembered last."""


class SupportCalls:
    """Judged unlocks of the last `keep_s`, and calls that wait until earlier unlocks are judged.

    `on_complaint` handles the record of each call; None: calls are ignored. `is_ours` returns, by
    the call's car or its own id, whether this monitor writes it down; None: it writes all.
    """

    def __init__(
        self,
        *,
        keep_s: float,
        evidence: FleetEvidence,
        is_ours: Callable[[str], bool] | None = None,
        on_complaint: Callable[[Complaint], None] | None = None,
    ) -> None:
        self._keep_s = keep_s
        self._evidence = evidence
        self._is_ours = is_ours
        self._on_complaint = on_complaint
        self.known: frozenset[str] = frozenset()
        """Those that an earlier process has written down, by `complaint_id`."""
        self.missed_until_at = -math.inf
        """Until when unlocks may have been missed, in Unix seconds of the monitor's clock."""
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

    def hold_call(self, call: PlatformEvent) -> bool:
        """Keep a call until its unlocks may be known; return whether it waits."""
        if self._on_complaint is None or call.request_id in self.known:
            return False
        if not (self._is_ours is None or self._is_ours(call.vehicle_id or call.request_id)):
            return False
        self._waiting.append(call)
        return True

    def write_due(self, mark_at: float, clocks: Callable[[], Clocks]) -> None:
        """Write down the calls before a moment of the platform's clock: they wait no more."""
        due = self._due(mark_at)
        if self._on_complaint is not None and due:
            now = clocks()
            for call in due:
                self._on_complaint(self._complaint(call, now))

    def _due(self, mark_at: float) -> list[PlatformEvent]:
        ready = [call for call in self._waiting if call.at <= mark_at]
        kept = [call for call in self._waiting if call.at > mark_at]
        too_many = max(len(kept) - MAX_WAITING, 0)
        self._waiting = kept[too_many:]
        return ready + kept[:too_many]

    def next_at(self) -> float | None:
        """Return when the first call was, on the platform's clock; None: none waits."""
        return min((call.at for call in self._waiting), default=None)

    def _complaint(self, call: PlatformEvent, clocks: Clocks) -> Complaint:
        at = call.at - clocks.ahead_s
        attempts = tuple(self._unlocks_before(call, at))
        build = self._evidence.state_of(call.vehicle_id or "").labels
        return Complaint(
            complaint_id=call.request_id,
            at=at,
            scheduled_s=rounded(at - (clocks.load_began_s - clocks.unix_offset_s)),
            vehicle_id=call.vehicle_id or "",
            booking_id=call.booking_id,
            account_id=call.account_id,
            app_version=call.app_version,
            shown=call.shown,
            attempts=attempts,
            missed=(not attempts and at - self._keep_s < self.missed_until_at) or UNSET,
            region=build.region,
            operator=build.operator,
            firmware=build.firmware,
            hardware=build.hardware,
            site=build.site or UNSET,
        )

    def _unlocks_before(self, call: PlatformEvent, at: float) -> list[str]:
        """Return the unlocks that a call may be about, the first first."""
        of_booking = self._by_booking.get(call.booking_id or "", ())
        of_car = self._by_car.get(call.vehicle_id or "", ())
        fitting = {
            unlock
            for unlock in (*of_booking, *of_car)
            if at - self._keep_s <= unlock.began_s <= at and _concerns(unlock, call)
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


def _concerns(unlock: _Unlock, call: PlatformEvent) -> bool:
    """Return whether an unlock of a call's booking or car may be what the call is about.

    An app may have forgotten its booking: then the account tells. An unlock that opened for another
    booking was another ride.
    """
    if not agree(unlock.account_id, call.account_id):
        return False
    if agree(unlock.booking_id, call.booking_id):
        return True
    return unlock.has_failed and None not in (unlock.account_id, call.account_id)
