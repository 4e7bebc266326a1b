"""Which failure mode each unlock of a list is believed to have had: what its own page says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from platform_probe.store.schema import ATTEMPTS, DIAGNOSES
from platform_probe.tell.support.naming import IS_BELIEVED, modes_sql, unlock_condition, with_modes
from platform_probe.tell.support.records import LATE_S
from platform_probe.tell.support.rows import Row, unix_s, utc
from platform_probe.texts.times import DAY_S
from platform_probe.web.console.listing import ListPage, list_page
from platform_probe.web.console.snapshot import FEW_OF_UNLOCK, Snapshot


def of_mode(snapshot: Snapshot, mode: str, span: tuple[float, float], number: int) -> ListPage:
    """Return a page of the unlocks that are believed to have had a failure mode."""
    found = list_page(
        snapshot,
        f"""
        SELECT attempt_id, vehicle_id, booking_id, outcome, cause, mode AS failure_mode,
            made_at - to_microseconds((after_s * 1e6)::BIGINT) AS started_at
        FROM (
            SELECT * FROM diagnoses WHERE made_at BETWEEN $since AND $until
            QUALIFY row_number() OVER (PARTITION BY attempt_id ORDER BY revision DESC) = 1
        ) WHERE mode = $mode AND {IS_BELIEVED} ORDER BY started_at DESC, attempt_id
        """,
        {"mode": mode, "since": utc(span[0]), "until": utc(span[1] + DAY_S)},
        number,
    )
    known = {row["attempt_id"]: row for row in _recorded(snapshot, found.rows)}
    rows = [{**row, **known.get(row["attempt_id"], {})} for row in found.rows]
    return replace(found, rows=[row | {"failure_mode": mode} for row in rows])


def _recorded(snapshot: Snapshot, rows: Sequence[Row]) -> list[Row]:
    """Return the records of unlocks that were diagnosed, as far as there are any: not of calls."""
    if not rows:
        return []
    times = [unix_s(row["started_at"]) for row in rows]
    unlocks = snapshot.within(ATTEMPTS, min(times) - LATE_S, max(times) + LATE_S)
    return snapshot.rows(
        f"SELECT {FEW_OF_UNLOCK} FROM {unlocks} WHERE {unlock_condition(rows)}", {}, len(rows)
    )


def listed_unlocks(
    snapshot: Snapshot, sql: str, values: Mapping[str, Any], number: int
) -> ListPage:
    """Return a page of unlocks, each with the mode that it is believed to have had."""
    found = list_page(snapshot, sql, values, number)
    return replace(found, rows=as_believed(snapshot, found.rows))


def as_believed(snapshot: Snapshot, rows: Sequence[Row]) -> list[Row]:
    """Return unlocks with the mode that each is believed to have had by now, as its page says."""
    if not rows:
        return []
    times = [unix_s(row["started_at"]) for row in rows]
    diagnoses = snapshot.within(DIAGNOSES, min(times) - LATE_S, max(times) + LATE_S)
    return with_modes(rows, snapshot.rows(modes_sql(diagnoses, rows), {}, len(rows)))
