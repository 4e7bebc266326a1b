"""Which failure mode each unlock of a list is believed to have had: what its own page says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from fleet_wire.contract.diagnosis import NOTHING_WRONG, UNKNOWN
from fleet_wire.modes.catalogue import MODES
from platform_probe.store.duck import quoted
from platform_probe.store.schema import ATTEMPTS, DIAGNOSES
from platform_probe.support.believed import PERHAPS_FROM
from platform_probe.support.rows import Row, unix_s, utc
from platform_probe.support.times import DAY_S
from platform_probe.web.console.listing import Listed, listed
from platform_probe.web.console.snapshot import FEW_OF_UNLOCK, Snapshot

LATE_S: Final = 3_600.0
"""Answers and diagnoses come so long after an unlock at most."""
_GOES_WELL: Final = ", ".join(quoted(mode.slug) for mode in MODES.values() if None in mode.causes)
_NAMELESS: Final = ", ".join(map(quoted, (UNKNOWN, NOTHING_WRONG)))
_IS_BELIEVED: Final = (
    f"(mode IN ({_NAMELESS}) OR probability >= {PERHAPS_FROM}"
    f" AND (cause IS NOT NULL OR mode IN ({_GOES_WELL})))"
)
"""That a diagnosis names its first mode: likely enough, and none of failures where it opened."""


def of_mode(snapshot: Snapshot, mode: str, span: tuple[float, float], number: int) -> Listed:
    """Return a page of the unlocks that are believed to have had a failure mode."""
    found = listed(
        snapshot,
        f"""
        SELECT attempt_id, vehicle_id, booking_id, outcome, cause, mode AS failure_mode,
            made_at - to_microseconds((after_s * 1e6)::BIGINT) AS started_at
        FROM (
            SELECT * FROM diagnoses WHERE made_at BETWEEN $since AND $until
            QUALIFY row_number() OVER (PARTITION BY attempt_id ORDER BY revision DESC) = 1
        ) WHERE mode = $mode AND {_IS_BELIEVED} ORDER BY started_at DESC, attempt_id
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
    return snapshot.rows(f"SELECT {FEW_OF_UNLOCK} FROM {unlocks} WHERE {_are(rows)}", {}, len(rows))


def _are(rows: Sequence[Row]) -> str:
    """Return the SQL of that a row is of one of these unlocks."""
    cars = ", ".join(quoted(car) for car in sorted({row["vehicle_id"] or "" for row in rows}))
    ids = ", ".join(quoted(row["attempt_id"]) for row in rows)
    return f"vehicle_id IN ({cars}) AND attempt_id IN ({ids})"


def listed_unlocks(snapshot: Snapshot, sql: str, values: Mapping[str, Any], number: int) -> Listed:
    """Return a page of unlocks, each with the mode that it is believed to have had."""
    found = listed(snapshot, sql, values, number)
    return replace(found, rows=as_believed(snapshot, found.rows))


def as_believed(snapshot: Snapshot, rows: Sequence[Row]) -> list[Row]:
    """Return unlocks with the mode that each is believed to have had by now, as its page says.

    A record names it only where that was sure as it was written.
    """
    if not rows:
        return []
    times = [unix_s(row["started_at"]) for row in rows]
    diagnoses = snapshot.within(DIAGNOSES, min(times) - LATE_S, max(times) + LATE_S)
    found = snapshot.rows(
        f"""
        SELECT attempt_id, CASE WHEN {_IS_BELIEVED} THEN mode END AS mode FROM (
            SELECT * FROM {diagnoses} WHERE {_are(rows)}
            QUALIFY row_number() OVER (PARTITION BY attempt_id ORDER BY revision DESC) = 1
        )
        """,
        {},
        len(rows),
    )
    believed = {row["attempt_id"]: None if row["mode"] == UNKNOWN else row["mode"] for row in found}
    return [
        {**row, "failure_mode": believed.get(row["attempt_id"], row["failure_mode"])}
        for row in rows
    ]
