"""Later events of a car, and of a booking, after an unlock."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from fleet_wire.contract.messages import Phase, PresenceStatus
from fleet_wire.contract.platform_log import PlatformStep
from platform_probe.store.schema import OBSERVATIONS, PLATFORM_EVENTS, Table
from platform_probe.tell.support.rows import Query, Row, unix_s, utc

_LAST_PRESENCE: Final = """
    SELECT heard_at, status FROM {} WHERE vehicle_id = $car AND kind = 'presence'
    AND NOT is_retained AND heard_at > $since AND heard_at < $until ORDER BY heard_at DESC LIMIT 1
"""
"""The last presence in a time, by a car's box or its last will."""
_BOOKING_END: Final = f"""
    SELECT logged_at FROM {{}} WHERE vehicle_id IN ($car, $asked_for)
    AND list_contains($bookings, booking_id)
    AND event = '{PlatformStep.ANSWERED}' AND operation = 'end' AND status BETWEEN 200 AND 299
    AND logged_at > $since AND logged_at < $until ORDER BY logged_at LIMIT 1
"""
"""The query for when the platform confirmed the end of a booking, by its names, of the car that
opened or was asked for.
"""
_BOOKED: Final = f"""
    SELECT * FROM {{}} WHERE vehicle_id = $car AND account_id <> $account
    AND event = '{PlatformStep.ANSWERED}' AND operation = 'book' AND status BETWEEN 200 AND 299
    AND logged_at > $since AND logged_at < $until ORDER BY logged_at DESC LIMIT 1
"""
"""The last time that the platform said yes to another customer who books a car."""
_LAST_LOCK: Final = f"""
    SELECT logged_at FROM {{}} WHERE vehicle_id = $car AND event = '{PlatformStep.ENDED}'
    AND operation = 'lock' AND outcome = '{Phase.EXECUTED}'
    AND logged_at > $since AND logged_at < $until ORDER BY logged_at DESC LIMIT 1
"""
"""The query for when the platform last confirmed a lock of a car, regardless of its sender."""
CALLED_S: Final = 86_400.0
"""About an unlock that is longer ago nobody calls any more [E]."""


class StoreSearch:
    """Asks one store. `within` returns the SQL of the rows of a table that are of a time."""

    def __init__(self, query: Query, within: Callable[[Table, float, float], str]) -> None:
        self._query = query
        self._within = within

    def connected_s(self, car: str | None, since_s: float) -> float | None:
        """Return when the car's box connected last, if that was since a moment and it still is."""
        its = {"car": car}
        last = self._first_row(_LAST_PRESENCE, OBSERVATIONS, its, since_s, since_s + CALLED_S)
        is_there = last is not None and last["status"] == PresenceStatus.ONLINE
        return unix_s(last["heard_at"]) if last is not None and is_there else None

    def booking_ended_s(
        self, unlock: Row, since_s: float, calls: Sequence[Row] = ()
    ) -> float | None:
        """Return when the booking of an unlock ended, since a moment.

        Its app may have forgotten the booking, and not the calls. A booking names the car that was
        asked for; where two are mixed up another one has opened.
        """
        named = dict.fromkeys(row["booking_id"] for row in (unlock, *calls))
        its = {
            "car": unlock["vehicle_id"],
            "asked_for": unlock.get("asked_for"),
            "bookings": [booking_id for booking_id in named if booking_id is not None],
        }
        until_s = unix_s(unlock["started_at"]) + CALLED_S
        return _logged_s(self._first_row(_BOOKING_END, PLATFORM_EVENTS, its, since_s, until_s))

    def booked_by_another(self, unlock: Row, since_s: float, until_s: float) -> Row | None:
        """Return the last booking of the car of an unlock by another customer in a time."""
        its = {"car": unlock["vehicle_id"], "account": unlock["account_id"]}
        return self._first_row(_BOOKED, PLATFORM_EVENTS, its, since_s, until_s)

    def locked_s(self, car: str | None, since_s: float) -> float | None:
        """Return when the platform took a lock of a car for executed last, since a moment."""
        its = {"car": car}
        return _logged_s(
            self._first_row(_LAST_LOCK, PLATFORM_EVENTS, its, since_s, since_s + CALLED_S)
        )

    def _first_row(
        self, sql: str, table: Table, values: Mapping[str, Any], since_s: float, until_s: float
    ) -> Row | None:
        """Return the row that a question has found in a table and a time."""
        times = {"since": utc(since_s), "until": utc(until_s)}
        found = self._query(sql.format(self._within(table, since_s, until_s)), {**values, **times})
        return next(iter(found), None)


def _logged_s(event: Row | None) -> float | None:
    return None if event is None else unix_s(event["logged_at"])
