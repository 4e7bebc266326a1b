"""What is known of an unlock, a car, a customer, a booking, a cause: rows of a snapshot.

Every question names the car or a time, so that only the files and rows of these are read: that is
what keeps a page quick over ten million unlocks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, Final

from platform_probe.store.duck import quoted
from platform_probe.store.schema import (
    ATTEMPTS,
    DIAGNOSES,
    OBSERVATIONS,
    PLATFORM_EVENTS,
    STRAY_ANSWERS,
    TRAITS,
)
from platform_probe.support.believed import Revision, revision_of
from platform_probe.support.case import AFTER_S, BEFORE_S, Case
from platform_probe.support.incident_rows import as_unlock
from platform_probe.support.rows import Row, unix_s, utc
from platform_probe.support.since import CALLED_S, Since
from platform_probe.support.times import DAY_S
from platform_probe.support.which import Why, asked_about, is_call_meant, why_chosen
from platform_probe.web.console.listing import Listed
from platform_probe.web.console.modes import LATE_S, as_believed, listed_unlocks
from platform_probe.web.console.snapshot import FEW_OF_UNLOCK, LISTED, MOST_ROWS, Snapshot

NEAR_S: Final = DAY_S
"""The unlocks of a car before and after one are looked for within so long."""
SIMILAR_S: Final = 900.0
"""Others that failed alike are looked for so long before and after."""
_EVENT_COLUMNS: Final = (
    "logged_at, event, operation, status, problem, vehicle_id, booking_id, account_id"
)
LATELY_S: Final = 2 * DAY_S
"""What no file of ids leads to is looked for in so much of the time: all of it would take long."""
CAR_DAYS: Final = 7
"""Voltage of a car is drawn over so many days."""


def unlock_case(snapshot: Snapshot, attempt_id: str, listed: Row | None = None) -> Case | None:
    """Return everything about an unlock but what else failed then; None where there is none.

    Of one that a list has already (`listed`) what was logged and heard around it is left out: only
    what to say and do is asked for, and finding the rest takes most of the time.
    """
    found = _by_ids(snapshot, [attempt_id]) if listed is None else [listed]
    if not found:
        return _complaint_case(snapshot, attempt_id)
    attempt = _all_of(snapshot, found[0])
    at_s = unix_s(attempt["started_at"])
    car = attempt["vehicle_id"]
    its = {"car": car, "id": attempt_id}
    complaints = _complaints_about(snapshot, attempt)
    since = Since(snapshot.rows, snapshot.within)
    return Case(
        vehicle_id=car or None,
        attempt=attempt,
        at_s=at_s,
        newest_s=snapshot.newest_s,
        strays=snapshot.rows(
            f"SELECT * FROM {snapshot.within(STRAY_ANSWERS, at_s, at_s + LATE_S)}"
            " WHERE vehicle_id = $car AND attempt_id = $id ORDER BY came_at",
            its,
        ),
        complaints=complaints,
        revisions=_revisions(snapshot, attempt_id, attempt, at_s),
        connected_s=since.connected_s(car, at_s + attempt["total_s"]),
        booking_ended_s=since.booking_ended_s(attempt, at_s, complaints),
        locked_s=since.locked_s(car, at_s),
        **({} if listed else _around(snapshot, car, at_s, at_s + attempt["total_s"], attempt_id)),
    )


def _all_of(snapshot: Snapshot, unlock: Row) -> Row:
    """Return an unlock with all its columns."""
    at_s = unix_s(unlock["started_at"])
    its = {"car": unlock["vehicle_id"], "id": unlock["attempt_id"]}
    unlocks = snapshot.within(ATTEMPTS, at_s, at_s)
    is_it = "vehicle_id IS NOT DISTINCT FROM $car AND attempt_id = $id"
    return snapshot.rows(f"SELECT * FROM {unlocks} WHERE {is_it}", its, 1)[0]


def _complaint_case(snapshot: Snapshot, complaint_id: str) -> Case | None:
    """Return what is known of a call about an unlock that nobody saw."""
    found = snapshot.rows(
        "SELECT * FROM complaints WHERE complaint_id = $id", {"id": complaint_id}, 1
    )
    if not found:
        return None
    call = found[0]
    at_s, car = unix_s(call["called_at"]), call["vehicle_id"]
    since = Since(snapshot.rows, snapshot.within)
    return Case(
        vehicle_id=car or None,
        attempt=None,
        at_s=at_s,
        newest_s=snapshot.newest_s,
        complaints=found,
        complaint_id=complaint_id,
        revisions=_revisions(snapshot, complaint_id, call, at_s),
        booking_ended_s=since.booking_ended_s(as_unlock(call), at_s - CALLED_S),
        locked_s=since.locked_s(car, at_s - CALLED_S),
        **_around(snapshot, car, at_s, at_s, complaint_id),
    )


def _revisions(snapshot: Snapshot, attempt_id: str, of: Row, at_s: float) -> list[Revision]:
    found = snapshot.rows(
        f"SELECT * FROM {snapshot.within(DIAGNOSES, at_s - LATE_S, at_s + LATE_S)}"
        " WHERE vehicle_id = $car AND attempt_id = $id ORDER BY revision",
        {"car": of["vehicle_id"], "id": attempt_id},
    )
    return [revision_of(row, has_account=of["account_id"] is not None) for row in found]


def _complaints_about(snapshot: Snapshot, attempt: Row) -> list[Row]:
    return snapshot.rows(
        "SELECT * FROM complaints WHERE vehicle_id = $car"
        " AND (list_contains(attempts, $id) OR booking_id = $booking) ORDER BY called_at",
        {
            "car": attempt["vehicle_id"],
            "id": attempt["attempt_id"],
            "booking": attempt["booking_id"],
        },
    )


def _around(
    snapshot: Snapshot, car: str, from_s: float, until_s: float, this_id: str
) -> dict[str, Any]:
    """Return other unlocks of a car, and what was logged and heard of it, around a time."""
    if not car:
        return {}
    values = {"car": car, "since": utc(from_s - BEFORE_S), "until": utc(until_s + AFTER_S)}
    its = "vehicle_id = $car AND {} BETWEEN $since AND $until"
    heard = its.format("heard_at")
    span = (from_s - BEFORE_S, until_s + AFTER_S)
    events = snapshot.within(PLATFORM_EVENTS, *span)
    observations = snapshot.within(OBSERVATIONS, *span)
    attempts = snapshot.within(ATTEMPTS, *span)
    late = snapshot.within(STRAY_ANSWERS, *span)
    return {
        "neighbours": snapshot.rows(
            f"""
            SELECT *, attempt_id IN (
                SELECT attempt_id FROM {late} WHERE vehicle_id = $car AND is_late_unlock
            ) AS has_opened_late
            FROM {attempts} WHERE {its.format("started_at")} AND attempt_id <> $id
            ORDER BY started_at
            """,
            values | {"id": this_id},
        ),
        "events": snapshot.rows(
            f"SELECT * FROM {events} WHERE {its.format('logged_at')} ORDER BY logged_at",
            values,
        ),
        "heard": [
            *snapshot.rows(
                f"SELECT * FROM {observations} WHERE {heard} AND kind = 'telemetry'"
                " AND heard_at <= $from ORDER BY heard_at DESC",
                values | {"from": utc(from_s)},
                1,
            ),
            *snapshot.rows(
                f"SELECT * FROM {observations} WHERE {heard} AND kind <> 'telemetry'"
                " ORDER BY heard_at",
                values,
            ),
        ],
    }


def neighbours(snapshot: Snapshot, attempt: Row) -> tuple[str | None, str | None]:
    """Return the ids of the unlocks of the same car before and after one, within a day."""
    at_s = unix_s(attempt["started_at"])
    (found,) = snapshot.rows(
        "SELECT arg_max(attempt_id, started_at) FILTER (started_at <= $at) AS before,"
        " arg_min(attempt_id, started_at) FILTER (started_at > $at) AS after"
        f" FROM {snapshot.within(ATTEMPTS, at_s - NEAR_S, at_s + NEAR_S)}"
        " WHERE vehicle_id = $car AND attempt_id <> $id",
        {"car": attempt["vehicle_id"], "at": attempt["started_at"], "id": attempt["attempt_id"]},
        1,
    )
    return found["before"], found["after"]


def similar_to(snapshot: Snapshot, case: Case) -> list[Row]:
    """Return the latest unlocks of other cars of that time that failed of the same cause."""
    if case.cause is None:
        return []
    found = snapshot.rows(
        f"SELECT {FEW_OF_UNLOCK} FROM"
        f" {snapshot.within(ATTEMPTS, case.at_s - SIMILAR_S, case.at_s + SIMILAR_S)}"
        " WHERE cause = $cause AND vehicle_id <> $car ORDER BY started_at DESC",
        {"cause": case.cause.value, "car": case.vehicle_id or ""},
        LISTED,
    )
    return as_believed(snapshot, found)


# A car


@dataclass(frozen=True, slots=True)
class CarSeen:
    """What is known of a car by now."""

    vehicle_id: str
    unlocks: Listed
    last: Row | None
    """Its last unlock."""
    heard: Mapping[str, Any]
    """Presence, voltage, firmware and when each was heard, as far as the store has it."""
    voltages: Sequence[tuple[float, float]]
    """Unix seconds and volts of the last days, in order."""
    complaints: Sequence[Row]
    presence: Sequence[Row]
    """When it came and went, the last first."""


def has_car(snapshot: Snapshot, vehicle_id: str) -> bool:
    """Return whether anything is known of a car."""
    its = {"car": vehicle_id}
    return any(
        snapshot.rows(f"SELECT 1 AS one FROM {table} WHERE vehicle_id = $car", its, 1)
        for table in ("attempt_revisions", "observations", "platform_events", "complaints")
    )


def car_seen(snapshot: Snapshot, vehicle_id: str, number: int = 1) -> CarSeen:
    """Return what is known of a car, with a page of its unlocks."""
    its = {"car": vehicle_id}
    unlocks = _unlocks_of_car(snapshot, vehicle_id, number)
    latest = unlocks if number == 1 else _unlocks_of_car(snapshot, vehicle_id, 1)
    (heard,) = snapshot.rows(
        f"""
        WITH seen AS MATERIALIZED (
            SELECT heard_at, kind, is_retained, status, reason, is_locked, voltage_v, signal_dbm,
                firmware, hardware, operator, region, site
            FROM observations WHERE vehicle_id = $car
        ), latest AS (
            SELECT heard_at, voltage_v FROM seen
            WHERE voltage_v IS NOT NULL AND heard_at >= $since
            ORDER BY heard_at DESC LIMIT {MOST_ROWS}
        ), turns AS (
            SELECT heard_at, status, reason FROM seen WHERE kind = 'presence' AND NOT is_retained
            ORDER BY heard_at DESC LIMIT {LISTED}
        )
        SELECT max(heard_at) FILTER (NOT is_retained AND kind <> 'command'
                AND reason IS DISTINCT FROM 'last_will') AS last_heard,
            max_by(kind, heard_at) FILTER (kind <> 'command') AS last_kind,
            max_by(status, heard_at) FILTER (kind = 'presence') AS presence,
            nullif(max_by(coalesce(reason, ''), heard_at) FILTER (kind = 'presence'), '')
                AS presence_reason,
            CASE WHEN NOT max_by(is_retained, heard_at) FILTER (kind = 'presence')
                THEN max(heard_at) FILTER (kind = 'presence') END AS presence_at,
            max_by(is_locked, heard_at) FILTER (is_locked IS NOT NULL) AS is_locked,
            max_by(voltage_v, heard_at) FILTER (voltage_v IS NOT NULL) AS voltage_v,
            max_by(signal_dbm, heard_at) FILTER (signal_dbm IS NOT NULL) AS signal_dbm,
            max_by(firmware, heard_at) FILTER (firmware IS NOT NULL) AS firmware,
            max_by(hardware, heard_at) FILTER (hardware IS NOT NULL) AS hardware,
            max_by(operator, heard_at) FILTER (operator IS NOT NULL) AS operator,
            max_by(region, heard_at) FILTER (region IS NOT NULL) AS region,
            max_by(site, heard_at) FILTER (site IS NOT NULL) AS site,
            (SELECT list(latest ORDER BY heard_at) FROM latest) AS voltages,
            (SELECT list(turns ORDER BY heard_at DESC) FROM turns) AS turns
        FROM seen
        """,
        {**its, "since": utc(snapshot.newest_s - CAR_DAYS * DAY_S)},
        1,
    )
    return CarSeen(
        vehicle_id=vehicle_id,
        unlocks=unlocks,
        last=next(iter(latest.rows), None),
        heard=heard,
        voltages=[(unix_s(row["heard_at"]), row["voltage_v"]) for row in heard["voltages"] or ()],
        complaints=_complaints(snapshot, "vehicle_id", vehicle_id),
        presence=heard["turns"] or (),
    )


def _unlocks_of_car(snapshot: Snapshot, vehicle_id: str, number: int) -> Listed:
    return listed_unlocks(
        snapshot,
        f"SELECT {FEW_OF_UNLOCK}, hardware, site, evidence FROM attempts WHERE vehicle_id = $car"
        " ORDER BY started_at DESC, attempt_id",
        {"car": vehicle_id},
        number,
    )


def _complaints(snapshot: Snapshot, column: str, value: str) -> list[Row]:
    return snapshot.rows(
        f"SELECT * FROM complaints WHERE {column} = $id ORDER BY called_at DESC",
        {"id": value},
        LISTED,
    )


# A customer, a booking


@dataclass(frozen=True, slots=True)
class History:
    """What is known under the id of a customer or a booking."""

    unlocks: Sequence[Row]
    events: Sequence[Row]
    complaints: Sequence[Row]
    asked_about: Row | None
    """The unlock that who names this id asks about."""
    why: Why
    """Why it is that one."""
    call: Row | None
    """The call about an unlock that nobody saw, where that is asked about, and no unlock."""

    @property
    def is_about_the_last(self) -> bool:
        """Whether nothing came after the unlock that is asked about."""
        last, meant = next(iter(self.unlocks), None), self.asked_about
        return last is None or meant is None or last["attempt_id"] == meant["attempt_id"]

    @property
    def is_empty(self) -> bool:
        """Whether nothing is known at all."""
        return not (self.unlocks or self.events or self.complaints)


def history_of(snapshot: Snapshot, column: str, any_id: str) -> History:
    """Return what is known of an `account_id` or a `booking_id`, the last first."""
    found = [row for row in snapshot.unlocks_of(any_id) if row[column] == any_id]
    unlocks = as_believed(snapshot, found)
    meant = asked_about(unlocks)
    why = Why.LAST if meant is None else why_chosen(meant, unlocks)
    complaints = _complaints(snapshot, column, any_id)
    call = next((each for each in complaints if meant is None or not each["attempts"]), None)
    return History(
        unlocks=unlocks[:LISTED],
        events=_events_of(snapshot, column, any_id, unlocks),
        complaints=complaints,
        asked_about=meant,
        why=why,
        call=None if call is None or (meant and not is_call_meant(call, meant, why)) else call,
    )


def _events_of(
    snapshot: Snapshot, column: str, any_id: str, unlocks: Sequence[Row]
) -> Sequence[Row]:
    """Return what the platform logged under an id.

    The log is kept by cars and times: it is looked through at those of the unlocks, and lately.
    """
    values: dict[str, Any] = {"id": any_id}
    if not unlocks:
        events = snapshot.within(PLATFORM_EVENTS, snapshot.newest_s - LATELY_S, inf)
        where = "true"
    else:
        since_s = unix_s(unlocks[-1]["started_at"]) - DAY_S
        until_s = unix_s(unlocks[0]["started_at"]) + DAY_S
        events = snapshot.within(PLATFORM_EVENTS, since_s, until_s)
        cars = sorted({row["vehicle_id"] for row in unlocks})
        where = f"vehicle_id IN ({', '.join(map(quoted, cars))})"
        where += " AND logged_at BETWEEN $since AND $until"
        values |= {"since": utc(since_s), "until": utc(until_s)}
    return snapshot.rows(
        f"SELECT {_EVENT_COLUMNS} FROM {events} WHERE {column} = $id AND {where}"
        " ORDER BY logged_at DESC",
        values,
        LISTED,
    )


def is_told_of(snapshot: Snapshot, column: str, any_id: str) -> bool:
    """Return whether a call, or lately the platform's log, knows an id that no unlock has."""
    logged = snapshot.within(PLATFORM_EVENTS, snapshot.newest_s - LATELY_S, inf)
    return any(
        snapshot.rows(f"SELECT 1 AS one FROM {table} WHERE {column} = $id", {"id": any_id}, 1)
        for table in ("complaints", logged)
    )


# A cause, a mode, a time


def of_cause(snapshot: Snapshot, cause: str, span: tuple[float, float], number: int) -> Listed:
    """Return a page of the unlocks of a time that failed of a cause, the last first."""
    return listed_unlocks(
        snapshot,
        f"SELECT {FEW_OF_UNLOCK} FROM attempts WHERE started_at BETWEEN $since AND $until"
        " AND cause = $cause ORDER BY started_at DESC, attempt_id",
        {"cause": cause, "since": utc(span[0]), "until": utc(span[1])},
        number,
    )


_FAILED_WITHIN: Final = "observed WHERE started_at BETWEEN $since AND $until AND cause IS NOT NULL"
"""Of what was not seen nobody knows whether it failed: its cause has a page."""
NAMED_TRAITS: Final = tuple(trait for trait in TRAITS if trait != "endpoint")
"""Traits by which somebody names unlocks."""
OfTrait = tuple[str, str]
"""One of `NAMED_TRAITS`, and its value."""


def failed_within(
    snapshot: Snapshot,
    span: tuple[float, float],
    number: int = 1,
    of_trait: OfTrait | None = None,
) -> Listed:
    """Return a page of the unlocks of a time, and of a trait, that failed, the last first."""
    where, values = _failed(span, of_trait)
    return listed_unlocks(
        snapshot,
        f"SELECT {FEW_OF_UNLOCK} FROM {where} ORDER BY started_at DESC, attempt_id",
        values,
        number,
    )


def count_failed_within(
    snapshot: Snapshot, span: tuple[float, float], of_trait: OfTrait | None = None
) -> int:
    """Return how many unlocks of a time, and of a trait, failed."""
    where, values = _failed(span, of_trait)
    (found,) = snapshot.rows(f"SELECT count(*) AS failed FROM {where}", values, 1)
    return int(found["failed"])


def _failed(span: tuple[float, float], of_trait: OfTrait | None) -> tuple[str, Mapping[str, Any]]:
    values = {"since": utc(span[0]), "until": utc(span[1])}
    if of_trait is None:
        return _FAILED_WITHIN, values
    return f"{_FAILED_WITHIN} AND {of_trait[0]} = $value", {**values, "value": of_trait[1]}


def traits_lately(snapshot: Snapshot) -> Mapping[str, Sequence[str]]:
    """Return the operators, regions, versions and so on of the last days' unlocks, by trait."""

    def found() -> Mapping[str, Sequence[str]]:
        lists = ", ".join(f"list(DISTINCT {trait} ORDER BY {trait})" for trait in NAMED_TRAITS)
        since = utc(snapshot.newest_s - LATELY_S)
        sql = f"SELECT {lists} FROM attempt_sums WHERE started_at >= $since"
        (row,) = snapshot.asked(sql, {"since": since}, limit=1).rows
        return {
            trait: [value for value in values or () if value is not None]
            for trait, values in zip(NAMED_TRAITS, row, strict=True)
        }

    return snapshot.once("traits lately", found)


def unlocks_by_ids(snapshot: Snapshot, ids: Sequence[str]) -> list[Row]:
    """Return unlocks by their ids, in that order, those that are not known left out."""
    return as_believed(snapshot, _by_ids(snapshot, ids))


def _by_ids(snapshot: Snapshot, ids: Sequence[str]) -> list[Row]:
    found = []
    for attempt_id in ids:
        found += [row for row in snapshot.unlocks_of(attempt_id) if row["attempt_id"] == attempt_id]
    return found
