"""Database rows of an unlock, its car, its booking and its time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from fleet_wire.contract.causes import Cause
from fleet_wire.contract.incident import Incident, IncidentKind
from platform_probe.store.duck import Duck
from platform_probe.tell.support.believed import Revision, revision_of
from platform_probe.tell.support.case import AFTER_S, BEFORE_S
from platform_probe.tell.support.cohorts import SharedTraits, search_around, similar_failures
from platform_probe.tell.support.incident_rows import BEFORE_S as BEFORE_INCIDENT_S
from platform_probe.tell.support.incident_rows import incident_of, incidents_of
from platform_probe.tell.support.rows import Row, as_rows, unix_s, utc
from platform_probe.tell.support.store_search import StoreSearch

MOST_ROWS: Final = 500


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
    """The rows of one database, and what follows from them for one unlock."""

    def __init__(self, duck: Duck) -> None:
        self._duck = duck
        self.since = StoreSearch(self.query, lambda table, *_: table.name)

    def incidents(self, attempt: Row, revisions: Sequence[Revision]) -> list[Incident]:
        """Return the incidents that an unlock is of, those that go on first."""
        at_s = unix_s(attempt["started_at"])
        known = self.rows(
            "incidents_held",
            "kind <> $left_out AND since <= $latest AND coalesce(ended_at, $at) >= $at",
            {
                "left_out": IncidentKind.SUSPICIOUS.value,
                "latest": utc(at_s + BEFORE_INCIDENT_S),
                "at": utc(at_s),
            },
            "state <> 'open', opened_at DESC",
        )
        believed = revisions[-1] if revisions else None
        return incidents_of(attempt, map(incident_of, known), believed, self.query)

    def shared_traits(
        self, cause: str | None, revisions: Sequence[Revision], at_s: float
    ) -> SharedTraits | None:
        """Return what unlocks share that failed as one did around a time; None: it went well."""
        if cause is None:
            return None
        believed = revisions[-1] if revisions else None
        return search_around(self._duck, at_s, similar_failures(Cause(cause), believed))

    def surroundings(
        self, car: str, from_s: float, until_s: float, attempt: Row | None = None
    ) -> dict[str, Any]:
        """Return the other unlocks of a car, and what was logged and heard of it, around a time."""
        times = {"since": utc(from_s - BEFORE_S), "until": utc(until_s + AFTER_S)}
        is_its = "vehicle_id = $car AND {time} BETWEEN $since AND $until"
        values = {"car": car, **times}
        heard = is_its.format(time="heard_at")
        this_id = None if attempt is None else attempt["attempt_id"]
        return {
            "neighbours": self.rows(
                f"(SELECT *, {opened_late_by('stray_answers')} AS has_opened_late FROM attempts)",
                f"{is_its.format(time='started_at')} AND attempt_id IS DISTINCT FROM $id",
                values | {"id": this_id},
                "started_at",
            ),
            "events": self.rows(
                "platform_events", is_its.format(time="logged_at"), values, "logged_at"
            ),
            "heard": [
                *self._last_heartbeat(car, times["since"], utc(from_s)),
                *self.rows("observations", f"{heard} AND kind <> 'telemetry'", values, "heard_at"),
            ],
        }

    def _last_heartbeat(self, car: str, since: datetime, until: datetime) -> list[Row]:
        is_its = "vehicle_id = $car AND kind = 'telemetry' AND heard_at BETWEEN $since AND $until"
        values = {"car": car, "since": since, "until": until}
        return self.rows("observations", is_its, values, "heard_at DESC", limit=1)

    def complaints(self, attempt: Row) -> list[Row]:
        """Return the calls about an unlock, or about its booking."""
        is_its = "list_contains(attempts, $id) OR booking_id = $booking"
        ids = {"id": attempt["attempt_id"], "booking": attempt["booking_id"]}
        return self.rows("complaints", is_its, ids, "called_at")

    def unlocks_of_calls(self, booking_id: str) -> list[Row]:
        """Return the unlocks that calls of a booking are about, whatever they name, last first."""
        its = "SELECT unnest(attempts) FROM complaints WHERE booking_id = $id"
        return self.rows(
            "attempts", f"attempt_id IN ({its})", {"id": booking_id}, "started_at DESC"
        )

    def revisions(self, attempt_id: str, account_id: str | None) -> list[Revision]:
        """Return what was believed of an unlock or a call, from the first moment to the last."""
        found = self.rows("diagnoses", "attempt_id = $id", {"id": attempt_id}, "revision")
        return [revision_of(row, has_account=account_id is not None) for row in found]

    def rows(
        self, table: str, where: str, values: Mapping[str, Any], order: str, limit: int = MOST_ROWS
    ) -> list[Row]:
        """Return rows of a table."""
        return self.query(f"SELECT * FROM {table} WHERE {where} ORDER BY {order}", values, limit)

    def query(self, sql: str, values: Mapping[str, Any], limit: int = MOST_ROWS) -> list[Row]:
        """Return what a query finds, by columns."""
        return as_rows(self._duck.query(sql, values, limit=limit))
