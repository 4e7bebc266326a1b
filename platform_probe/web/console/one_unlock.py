"""Everything about one unlock, or a call about one: rows of a snapshot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from platform_probe.store.duck import quoted
from platform_probe.store.schema import ATTEMPTS
from platform_probe.tell.support.case import Case
from platform_probe.tell.support.records import Records
from platform_probe.tell.support.rows import Row, unix_s
from platform_probe.texts.times import DAY_S
from platform_probe.web.console.modes import as_believed
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
    records = records_in(snapshot)
    found = _by_ids(snapshot, [attempt_id]) if listed is None else [listed]
    if found:
        attempt = _unlock_row(snapshot, found[0], is_alone=listed is not None)
        return records.case_of(attempt, snapshot.newest_s, is_alone=listed is not None)
    calls = snapshot.rows(
        "SELECT * FROM complaints WHERE complaint_id = $id", {"id": attempt_id}, 1
    )
    return records.case_of_call(calls[0], snapshot.newest_s) if calls else None


def records_in(snapshot: Snapshot) -> Records:
    """Return the records of a snapshot."""
    return Records(snapshot.rows, snapshot.within)


def _unlock_row(snapshot: Snapshot, unlock: Row, *, is_alone: bool) -> Row:
    """Return an unlock with all its columns; with the others of its car, unless it is alone."""
    at_s, car = unix_s(unlock["started_at"]), unlock["vehicle_id"]
    if not is_alone and car:  # the others are asked for once, and remembered
        for one in records_in(snapshot).unlocks_around(car, at_s, at_s + unlock["total_s"]):
            if one["attempt_id"] == unlock["attempt_id"]:
                return {name: value for name, value in one.items() if name != "has_opened_late"}
    its = {"car": car, "id": unlock["attempt_id"]}
    unlocks = snapshot.within(ATTEMPTS, at_s, at_s)
    is_it = "vehicle_id IS NOT DISTINCT FROM $car AND attempt_id = $id"
    return snapshot.rows(f"SELECT * FROM {unlocks} WHERE {is_it}", its, 1)[0]


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
