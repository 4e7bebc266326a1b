"""Which failure mode each of several unlocks is believed to have had by now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from fleet_wire.contract.diagnosis import NOTHING_WRONG, UNKNOWN
from fleet_wire.modes.catalogue import MODES
from platform_probe.store.duck import quoted
from platform_probe.tell.support.believed import PERHAPS_FROM
from platform_probe.tell.support.rows import Row

_GOES_WELL: Final = ", ".join(quoted(mode.slug) for mode in MODES.values() if None in mode.causes)
_NAMELESS: Final = ", ".join(map(quoted, (UNKNOWN, NOTHING_WRONG)))
IS_BELIEVED: Final = (
    f"(mode IN ({_NAMELESS}) OR probability >= {PERHAPS_FROM}"
    f" AND (cause IS NOT NULL OR mode IN ({_GOES_WELL})))"
)
"""That a diagnosis names its first mode: likely enough, and none of failures where it opened."""


def unlock_condition(rows: Sequence[Row]) -> str:
    """Return the SQL of that a row is of one of these unlocks."""
    cars = ", ".join(quoted(car) for car in sorted({row["vehicle_id"] or "" for row in rows}))
    ids = ", ".join(quoted(row["attempt_id"]) for row in rows)
    return f"vehicle_id IN ({cars}) AND attempt_id IN ({ids})"


def modes_sql(diagnoses: str, rows: Sequence[Row]) -> str:
    """Return the SQL of id and mode of those of these unlocks that were diagnosed.

    `diagnoses` is the table, or rows of it; `rows` are one at least.
    """
    return f"""
        SELECT attempt_id, CASE WHEN {IS_BELIEVED} THEN mode END AS mode FROM (
            SELECT * FROM {diagnoses} WHERE {unlock_condition(rows)}
            QUALIFY row_number() OVER (PARTITION BY attempt_id ORDER BY revision DESC) = 1
        )
        """


def with_modes(rows: Sequence[Row], found: Iterable[Row]) -> list[Row]:
    """Return unlocks with the mode that each is believed to have had, as `modes_sql` has found it.

    A record names it only where that was sure as it was written.
    """
    believed = {row["attempt_id"]: None if row["mode"] == UNKNOWN else row["mode"] for row in found}
    return [
        {**row, "failure_mode": believed.get(row["attempt_id"], row["failure_mode"])}
        for row in rows
    ]
