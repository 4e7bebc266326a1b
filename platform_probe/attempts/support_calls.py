"""Customers who called support, and the unlocks that they may have called about. No I/O.

A call is known from the platform's log, as a line of its helpdesk. What the customer had asked for
before stands in other records. Where nothing does, nothing of it ever reached the platform: the
call is then the only trace of an unlock that failed.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

import msgspec

from fleet_wire.contract.attempt import Attempt, Complaint
from fleet_wire.contract.platform_log import PlatformEvent
from platform_probe.attempts.evidence import Build
from platform_probe.attempts.timings import rounded

MAX_KEYS: Final = 100_000
"""Bookings and cars whose unlocks are remembered; the oldest is forgotten for each one above."""
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


class SupportCalls:
    """Remembers unlocks for `keep_s`, and lets a call wait until those before it are judged."""

    def __init__(self, *, keep_s: float) -> None:
        self._keep_s = keep_s
        self._unlocks: OrderedDict[str, tuple[_Unlock, ...]] = OrderedDict()
        self._waiting: list[PlatformEvent] = []
        """In the order in which they came."""

    def __len__(self) -> int:
        """Return how many calls wait."""
        return len(self._waiting)

    def note(self, attempt: Attempt) -> None:
        """Remember an unlock that was judged."""
        account_id = attempt.platform.account_id if attempt.platform else None
        unlock = _Unlock(attempt.attempt_id, attempt.started_at, attempt.booking_id, account_id)
        unlocks = self._unlocks
        for key in _keys(attempt.booking_id, attempt.vehicle_id):
            known = unlocks.pop(key, ())
            unlocks[key] = (*known[1 - MAX_EACH :], unlock)
            if len(unlocks) > MAX_KEYS:
                unlocks.popitem(last=False)

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
        )

    def _before(self, call: PlatformEvent, at: float) -> list[str]:
        """Return the unlocks that a call may be about, the first first."""
        fitting = {
            unlock
            for key in _keys(call.booking_id, call.vehicle_id or "")
            for unlock in self._unlocks.get(key, ())
            if at - self._keep_s <= unlock.began_s <= at
            and _agree(unlock.booking_id, call.booking_id)
            and _agree(unlock.account_id, call.account_id)
        }
        in_order = sorted(fitting, key=lambda unlock: (unlock.began_s, unlock.attempt_id))
        return [unlock.attempt_id for unlock in in_order]


def _keys(booking_id: str | None, vehicle_id: str) -> list[str]:
    keys = [] if booking_id is None else [f"booking/{booking_id}"]
    return [*keys, f"car/{vehicle_id}"] if vehicle_id else keys


def _agree(one: str | None, other: str | None) -> bool:
    """Return whether two ids may be the same: one that is not known may be any."""
    return one is None or other is None or one == other
