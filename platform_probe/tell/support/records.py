"""Database rows of an unlock, its car, its booking and its time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from fleet_wire.contract.incident import Incident, IncidentKind
from fleet_wire.contract.messages import Phase, PresenceStatus
from fleet_wire.contract.platform_log import PlatformStep
from platform_probe.store.duck import Duck
from platform_probe.store.schema import (
    ATTEMPTS,
    DIAGNOSES,
    OBSERVATIONS,
    PLATFORM_EVENTS,
    STRAY_ANSWERS,
    Table,
)
from platform_probe.tell.support.believed import Revision, revision_of
from platform_probe.tell.support.case import AFTER_S, BEFORE_S, Case
from platform_probe.tell.support.incident_rows import BEFORE_S as BEFORE_INCIDENT_S
from platform_probe.tell.support.incident_rows import as_unlock, incident_of, incidents_of
from platform_probe.tell.support.rows import Row, as_rows, unix_s, utc

MOST_ROWS: Final = 500
LATE_S: Final = 3_600.0
"""Answers and diagnoses come so long after an unlock at most."""
OF_CARS: Final = ("attempt_revisions", "observations", "platform_events", "complaints")
"""Tables that may know a car."""
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


def opened_late_by(strays: str) -> str:
    """Return in SQL whether an unlock of $car opened later than the monitor waited for it.

    Also where its customer was told yes all the same, see `case.Case.is_opened_by`.
    """
    late = f"SELECT attempt_id FROM {strays} WHERE vehicle_id = $car"
    return (
        f"(attempt_id IN ({late} AND is_late_unlock) OR (platform_outcome = 'executed'"
        f" AND attempt_id IN ({late} AND kind = 'late' AND phase = 'executed')))"
    )


class Records:
    """The rows of one database, and what follows from them for one unlock.

    `query` returns what SQL finds, `within` the SQL of the rows of a table that are of a time.
    """

    def __init__(
        self,
        query: Callable[[str, Mapping[str, Any], int], list[Row]],
        within: Callable[[Table, float, float], str],
    ) -> None:
        self._query = query
        self._within = within

    def case_of(self, attempt: Row, newest_s: float, *, is_alone: bool = False) -> Case:
        """Return an unlock with what is known of it.

        With `is_alone` the log lines, the messages and the other unlocks around it are left out.
        """
        at_s, car, attempt_id = (
            unix_s(attempt["started_at"]),
            attempt["vehicle_id"],
            attempt["attempt_id"],
        )
        until_s = at_s + attempt["total_s"]
        complaints = self.complaints(attempt)
        around = {} if is_alone or not car else self.surroundings(car, at_s, until_s, attempt_id)
        return Case(
            vehicle_id=car or None,
            attempt=attempt,
            at_s=at_s,
            newest_s=newest_s,
            strays=self.query(
                f"SELECT * FROM {self._within(STRAY_ANSWERS, at_s, at_s + LATE_S)}"
                " WHERE attempt_id = $id ORDER BY came_at",
                {"id": attempt_id},
            ),
            complaints=complaints,
            revisions=self._revisions(attempt_id, attempt, at_s),
            connected_s=self.connected_s(car, until_s),
            booking_ended_s=self.booking_ended_s(attempt, at_s, complaints),
            locked_s=self.locked_s(car, at_s),
            **around,
        )

    def case_of_call(self, call: Row, newest_s: float) -> Case:
        """Return what is known of a call about an unlock that nobody saw."""
        at_s, car, call_id = unix_s(call["called_at"]), call["vehicle_id"], call["complaint_id"]
        return Case(
            vehicle_id=car or None,
            attempt=None,
            at_s=at_s,
            newest_s=newest_s,
            complaints=[call],
            complaint_id=call_id,
            revisions=self._revisions(call_id, call, at_s),
            booking_ended_s=self.booking_ended_s(as_unlock(call), at_s - CALLED_S),
            locked_s=self.locked_s(car, at_s - CALLED_S),
            **(self.surroundings(car, at_s, at_s) if car else {}),
        )

    def knows_car(self, car: str) -> bool:
        """Return whether anything is known of a car: quickly, as files are sorted by car."""
        is_known = " UNION ALL ".join(
            f"(SELECT 1 AS one FROM {table} WHERE vehicle_id = $car LIMIT 1)" for table in OF_CARS
        )
        return bool(self.query(is_known, {"car": car}, 1))

    def incidents(self, attempt: Row, believed: Revision | None) -> list[Incident]:
        """Return the incidents that an unlock is of, those that go on first."""
        at_s = unix_s(attempt["started_at"])
        known = self.query(
            "SELECT * FROM incidents_held WHERE kind <> $left_out AND since <= $latest"
            " AND coalesce(ended_at, $at) >= $at ORDER BY state <> 'open', opened_at DESC",
            {
                "left_out": IncidentKind.SUSPICIOUS.value,
                "latest": utc(at_s + BEFORE_INCIDENT_S),
                "at": utc(at_s),
            },
        )
        return incidents_of(attempt, map(incident_of, known), believed, self.query)

    def unlocks_around(self, car: str, from_s: float, until_s: float) -> list[Row]:
        """Return the unlocks of a car around a time, in order: whether each has opened late."""
        span = (from_s - BEFORE_S, until_s + AFTER_S)
        return self.query(
            f"""
            SELECT *, {opened_late_by(self._within(STRAY_ANSWERS, *span))} AS has_opened_late
            FROM {self._within(ATTEMPTS, *span)}
            WHERE vehicle_id = $car AND started_at BETWEEN $since AND $until ORDER BY started_at
            """,
            {"car": car, "since": utc(span[0]), "until": utc(span[1])},
        )

    def surroundings(
        self, car: str, from_s: float, until_s: float, attempt_id: str | None = None
    ) -> dict[str, Any]:
        """Return the other unlocks of a car, and what was logged and heard of it, around a time."""
        unlocks = self.unlocks_around(car, from_s, until_s)
        span = (from_s - BEFORE_S, until_s + AFTER_S)
        values = {"car": car, "since": utc(span[0]), "until": utc(span[1])}
        its = "vehicle_id = $car AND {} BETWEEN $since AND $until"
        return {
            "neighbours": [one for one in unlocks if one["attempt_id"] != attempt_id],
            "events": self.query(
                f"SELECT * FROM {self._within(PLATFORM_EVENTS, *span)}"
                f" WHERE {its.format('logged_at')} ORDER BY logged_at",
                values,
            ),
            "heard": self.query(
                f"SELECT * FROM {self._within(OBSERVATIONS, *span)} WHERE {its.format('heard_at')}"
                " AND (kind <> 'telemetry' OR heard_at <= $from)"
                " QUALIFY kind <> 'telemetry'"
                " OR row_number() OVER (PARTITION BY kind ORDER BY heard_at DESC) = 1"
                " ORDER BY kind <> 'telemetry', heard_at",
                values | {"from": utc(from_s)},
            ),
        }

    def complaints(self, attempt: Row) -> list[Row]:
        """Return the calls about an unlock, or about its booking."""
        return self.query(
            "SELECT * FROM complaints WHERE list_contains(attempts, $id) OR booking_id = $booking"
            " ORDER BY called_at",
            {"id": attempt["attempt_id"], "booking": attempt["booking_id"]},
        )

    def unlocks_of_calls(self, booking_id: str) -> list[Row]:
        """Return the unlocks that calls of a booking are about, whatever they name, last first."""
        its = "SELECT unnest(attempts) FROM complaints WHERE booking_id = $id"
        return self.rows(
            "attempts", f"attempt_id IN ({its})", {"id": booking_id}, "started_at DESC"
        )

    def _revisions(self, attempt_id: str, unlock: Row, at_s: float) -> list[Revision]:
        """Return what was believed of an unlock or a call, from the first moment to the last."""
        diagnoses = self._within(DIAGNOSES, at_s - LATE_S, at_s + LATE_S)
        found = self.query(
            f"SELECT * FROM {diagnoses} WHERE attempt_id = $id ORDER BY revision",
            {"id": attempt_id},
        )
        return [revision_of(row, has_account=unlock["account_id"] is not None) for row in found]

    # What came after an unlock

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
        found = self.query(sql.format(self._within(table, since_s, until_s)), {**values, **times})
        return next(iter(found), None)

    def rows(self, table: str, where: str, values: Mapping[str, Any], order: str) -> list[Row]:
        """Return rows of a table."""
        return self.query(f"SELECT * FROM {table} WHERE {where} ORDER BY {order}", values)

    def query(self, sql: str, values: Mapping[str, Any], limit: int = MOST_ROWS) -> list[Row]:
        """Return what a query finds, by columns."""
        return self._query(sql, values, limit)


def records_of(duck: Duck) -> Records:
    """Return the records of a database, whose tables have the files of the time in question."""

    def query(sql: str, values: Mapping[str, Any], limit: int) -> list[Row]:
        return as_rows(duck.query(sql, values, limit=limit))

    return Records(query, lambda table, *_: table.name)


def _logged_s(event: Row | None) -> float | None:
    return None if event is None else unix_s(event["logged_at"])
