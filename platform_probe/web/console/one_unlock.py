"""Everything about one unlock, or a call about one: rows of a snapshot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from platform_probe.store.duck import quoted
from platform_probe.store.schema import (
    ATTEMPTS,
    DIAGNOSES,
    OBSERVATIONS,
    PLATFORM_EVENTS,
    STRAY_ANSWERS,
)
from platform_probe.tell.support.believed import Revision, revision_of
from platform_probe.tell.support.case import AFTER_S, BEFORE_S, Case
from platform_probe.tell.support.incident_rows import as_unlock
from platform_probe.tell.support.records import opened_late_by
from platform_probe.tell.support.rows import Row, unix_s, utc
from platform_probe.tell.support.store_search import CALLED_S, StoreSearch
from platform_probe.texts.times import DAY_S
from platform_probe.web.console.modes import LATE_S, as_believed
from platform_probe.web.console.snapshot import FEW_OF_UNLOCK, LISTED, Snapshot

NEAR_S: Final = DAY_S
"""The unlocks of a car before and after one are looked for within so long."""
SIMILAR_S: Final = 900.0
"""Others that failed alike are looked for so long before and after."""


def unlock_case(snapshot: Snapshot, attempt_id: str, listed: Row | None = None) -> Case | None:
    """Return everything about an unlock but what else failed then; None where there is none.

    A listed unlock (`listed`) lacks the log lines and messages around it. Only the advice is asked
    for, and finding the rest costs most of the time.
    """
    found = _by_ids(snapshot, [attempt_id]) if listed is None else [listed]
    if not found:
        return _complaint_case(snapshot, attempt_id)
    attempt = _unlock_row(snapshot, found[0], is_alone=listed is not None)
    at_s = unix_s(attempt["started_at"])
    car = attempt["vehicle_id"]
    its = {"car": car, "id": attempt_id}
    complaints = _complaints_about(snapshot, attempt)
    since = StoreSearch(snapshot.rows, snapshot.within)
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
        **(
            {} if listed else _surroundings(snapshot, car, at_s, at_s + attempt["total_s"], attempt)
        ),
    )


def _unlock_row(snapshot: Snapshot, unlock: Row, *, is_alone: bool) -> Row:
    """Return an unlock with all its columns; with the others of its car, unless it is alone."""
    if not is_alone:
        for one in _of_its_time(snapshot, unlock):
            if one["attempt_id"] == unlock["attempt_id"]:
                return {name: value for name, value in one.items() if name != "has_opened_late"}
    at_s = unix_s(unlock["started_at"])
    its = {"car": unlock["vehicle_id"], "id": unlock["attempt_id"]}
    unlocks = snapshot.within(ATTEMPTS, at_s, at_s)
    is_it = "vehicle_id IS NOT DISTINCT FROM $car AND attempt_id = $id"
    return snapshot.rows(f"SELECT * FROM {unlocks} WHERE {is_it}", its, 1)[0]


def _of_its_time(snapshot: Snapshot, unlock: Row) -> list[Row]:
    """Return the unlocks of the car of one around it, in order of time: whether each opened late.

    It is asked for once, and remembered: for the unlock itself, and for the others.
    """
    if not unlock["vehicle_id"]:
        return []
    at_s = unix_s(unlock["started_at"])
    span = (at_s - BEFORE_S, at_s + unlock["total_s"] + AFTER_S)
    return snapshot.rows(
        f"""
        SELECT *, {opened_late_by(snapshot.within(STRAY_ANSWERS, *span))} AS has_opened_late
        FROM {snapshot.within(ATTEMPTS, *span)} WHERE vehicle_id = $car ORDER BY started_at
        """,
        {"car": unlock["vehicle_id"]},
    )


def _complaint_case(snapshot: Snapshot, complaint_id: str) -> Case | None:
    """Return what is known of a call about an unlock that nobody saw."""
    found = snapshot.rows(
        "SELECT * FROM complaints WHERE complaint_id = $id", {"id": complaint_id}, 1
    )
    if not found:
        return None
    call = found[0]
    at_s, car = unix_s(call["called_at"]), call["vehicle_id"]
    since = StoreSearch(snapshot.rows, snapshot.within)
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
        **_surroundings(snapshot, car, at_s, at_s, {**as_unlock(call), "total_s": 0.0}),
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


def _surroundings(
    snapshot: Snapshot, car: str, from_s: float, until_s: float, unlock: Row
) -> dict[str, Any]:
    """Return other unlocks of a car, and what was logged and heard of it, around a time."""
    if not car:
        return {}
    since_s, to_s = from_s - BEFORE_S, until_s + AFTER_S
    values = {"car": car, "since": utc(since_s), "until": utc(to_s)}
    its = "vehicle_id = $car AND {} BETWEEN $since AND $until"
    events = snapshot.within(PLATFORM_EVENTS, since_s, to_s)
    observations = snapshot.within(OBSERVATIONS, since_s, to_s)
    return {
        "neighbours": [
            one
            for one in _of_its_time(snapshot, unlock)
            if one["attempt_id"] != unlock["attempt_id"]
        ],
        "events": snapshot.rows(
            f"SELECT * FROM {events} WHERE {its.format('logged_at')} ORDER BY logged_at",
            values,
        ),
        "heard": snapshot.rows(
            f"SELECT * FROM {observations} WHERE {its.format('heard_at')}"
            " AND (kind <> 'telemetry' OR heard_at <= $from)"
            " QUALIFY kind <> 'telemetry'"
            " OR row_number() OVER (PARTITION BY kind ORDER BY heard_at DESC) = 1"
            " ORDER BY kind <> 'telemetry', heard_at",
            values | {"from": utc(from_s)},
        ),
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


def unlocks_by_ids(snapshot: Snapshot, ids: Sequence[str], span: tuple[float, float]) -> list[Row]:
    """Return unlocks by their ids, in that order, those that are not known left out.

    They are looked for in a time first, with one question for all: each by its id takes as long.
    """
    listed = ", ".join(map(quoted, ids)) or "NULL"
    near = snapshot.rows(
        f"SELECT {FEW_OF_UNLOCK} FROM {snapshot.within(ATTEMPTS, *span)}"
        f" WHERE attempt_id IN ({listed})",
        {},
    )
    found = {row["attempt_id"]: row for row in near}
    others = _by_ids(snapshot, [one for one in ids if one not in found])
    found |= {row["attempt_id"]: row for row in others}
    return as_believed(snapshot, [found[one] for one in ids if one in found])


def _by_ids(snapshot: Snapshot, ids: Sequence[str]) -> list[Row]:
    found = []
    for attempt_id in ids:
        found += [row for row in snapshot.unlocks_of(attempt_id) if row["attempt_id"] == attempt_id]
    return found
