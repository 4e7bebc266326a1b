"""What is known of a car, a customer, a booking, a cause: rows of a snapshot.

Every question names the car or a time, so that only their files and rows are read. That keeps a
page quick over ten million unlocks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, Final

from platform_probe.store.duck import quoted
from platform_probe.store.schema import (
    PLATFORM_EVENTS,
    TRAITS,
)
from platform_probe.tell.support.choosing import (
    ChoiceReason,
    is_call_meant,
    likely_meant,
    why_chosen,
)
from platform_probe.tell.support.records import Records
from platform_probe.tell.support.rows import Row, unix_s, utc
from platform_probe.texts.times import DAY_S
from platform_probe.web.console.listing import ListPage
from platform_probe.web.console.modes import as_believed, listed_unlocks
from platform_probe.web.console.snapshot import FEW_OF_UNLOCK, LISTED, MOST_ROWS, Snapshot

_EVENT_COLUMNS: Final = (
    "logged_at, event, operation, status, problem, vehicle_id, booking_id, account_id"
)
LATELY_S: Final = 2 * DAY_S
"""The time that is searched for ids without a file of ids: all of it would be slow."""
CAR_DAYS: Final = 7
"""Voltage of a car is drawn over so many days."""


# A car


@dataclass(frozen=True, slots=True)
class CarSeen:
    """What is known of a car by now."""

    vehicle_id: str
    unlocks: ListPage
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
    return Records(snapshot.rows, snapshot.within).knows_car(vehicle_id)


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


def _unlocks_of_car(snapshot: Snapshot, vehicle_id: str, number: int) -> ListPage:
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
    why: ChoiceReason
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
    meant = likely_meant(unlocks)
    why = ChoiceReason.LAST if meant is None else why_chosen(meant, unlocks)
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


def kinds_of_id(snapshot: Snapshot, any_id: str) -> Sequence[str]:
    """Return what an id is that no unlock has, and a call knows, or lately the platform's log.

    The names of columns: of a call its own (`complaint_id`), of a booking and of a customer.
    """
    names = ("booking_id", "account_id", "complaint_id")
    logged = snapshot.within(PLATFORM_EVENTS, snapshot.newest_s - LATELY_S, inf)
    is_it = ", ".join(f"bool_or({name} = $id) AS {name}" for name in names)
    (found,) = snapshot.rows(
        f"SELECT {is_it} FROM (SELECT {', '.join(names)} FROM complaints UNION ALL"
        f" SELECT booking_id, account_id, NULL FROM {logged} AS logged) AS told"
        f" WHERE {' OR '.join(f'{name} = $id' for name in names)}",
        {"id": any_id},
        1,
    )
    return [name for name in names if found[name]]


# A cause, a mode, a time


def of_cause(snapshot: Snapshot, cause: str, span: tuple[float, float], number: int) -> ListPage:
    """Return a page of the unlocks of a time that failed of a cause, the last first."""
    return listed_unlocks(
        snapshot,
        f"SELECT {FEW_OF_UNLOCK} FROM attempts WHERE started_at BETWEEN $since AND $until"
        " AND cause = $cause ORDER BY started_at DESC, attempt_id",
        {"cause": cause, "since": utc(span[0]), "until": utc(span[1])},
        number,
    )


_FAILED_WITHIN: Final = "observed WHERE started_at BETWEEN $since AND $until AND cause IS NOT NULL"
"""The condition of a failed unlock; an unobserved one has an unknown end, and its cause has a page.
"""
NAMED_TRAITS: Final = tuple(trait for trait in TRAITS if trait != "endpoint")
"""Traits by which somebody names unlocks."""
OfTrait = tuple[str, str]
"""One of `NAMED_TRAITS`, and its value."""


def failed_within(
    snapshot: Snapshot,
    span: tuple[float, float],
    number: int = 1,
    of_trait: OfTrait | None = None,
) -> ListPage:
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

    def find_traits() -> Mapping[str, Sequence[str]]:
        lists = ", ".join(f"list(DISTINCT {trait} ORDER BY {trait})" for trait in NAMED_TRAITS)
        since = utc(snapshot.newest_s - LATELY_S)
        sql = f"SELECT {lists} FROM attempt_sums WHERE started_at >= $since"
        (row,) = snapshot.query(sql, {"since": since}, limit=1).rows
        return {
            trait: [value for value in values or () if value is not None]
            for trait, values in zip(NAMED_TRAITS, row, strict=True)
        }

    return snapshot.once("traits lately", find_traits)
