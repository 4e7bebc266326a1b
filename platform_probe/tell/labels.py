"""Labels of unlocks: how one reaches the store, and the labelled unlocks of a store."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from fleet_wire.contract.attempt import Source as AskedBy
from fleet_wire.contract.causes import Cause
from fleet_wire.contract.diagnosis import FactSeen
from fleet_wire.contract.label import Label
from fleet_wire.modes.catalogue import TITLES
from fleet_wire.modes.facts import FACTS, PLATFORM_LOG, EvidenceSource, Fact
from platform_probe.judge.diagnosis.calibration import LabelledUnlock
from platform_probe.judge.diagnosis.path import never_ends_so, not_on_the_path
from platform_probe.settings.messages import LABELS_PATH
from platform_probe.store.reading import Source, Span
from platform_probe.store.writer import StoreHeldError, keep_label
from platform_probe.tell.posting import MonitorAddress, post
from platform_probe.tell.support.rows import Row, as_rows, unix_s, utc
from platform_probe.texts.spoken_error import SpokenError, no_mode, spoken_error

MOST: Final = 5_000
"""The last labels that a calibration uses."""
_LABELLED: Final = f"""
SELECT labelled.*, attempts.attempt_id IS NOT NULL AS has_attempt, attempts.cause AS own_cause
FROM labelled LEFT JOIN attempts USING (attempt_id)
WHERE labelled.started_at >= $since ORDER BY labelled.started_at DESC, attempt_id LIMIT {MOST}
"""


async def send_label(label: Label, directory: Path, monitor: MonitorAddress | None) -> None:
    """Have a label kept: by the monitor that writes to the store, or in the files where none does.

    Raises `ConfigError` where the monitor takes none, `OSError` of the disk.
    """
    try:
        keep_label(directory, label)
    except StoreHeldError as held:
        if monitor is None:
            raise spoken_error("asked.store_held", directory=str(directory)) from held
        await post(monitor, LABELS_PATH, label)


def check_mode(mode: str) -> None:
    """Raise `ConfigError` for a mode that no label can have."""
    if mode not in TITLES:
        raise SpokenError(no_mode(mode))


def labelled_unlocks(source: Source, since_s: float | None) -> list[LabelledUnlock]:
    """Return the labelled unlocks of a store since a time, with their last diagnoses."""
    values = {"since": utc(since_s or 0.0)}
    rows = source.read(lambda duck: duck.query(_LABELLED, values, limit=MOST), Span(since_s))
    return [_unlock(row) for row in as_rows(rows)]


def _unlock(row: Row) -> LabelledUnlock:
    facts = msgspec.json.decode(row["facts"], type=list[FactSeen])
    told = frozenset(one for one in EvidenceSource if row["told"] is None or one in row["told"])
    cause = row["own_cause"] if row["has_attempt"] else row["cause"]
    cause = None if cause is None else Cause(cause)
    seen = tuple(Fact(one.fact) for one in facts if one.fact in FACTS)
    return LabelledUnlock(
        attempt_id=row["attempt_id"],
        label=row["label"],
        started_at=unix_s(row["started_at"]),
        seen=seen,
        told=told,
        impossible=not_on_the_path(
            AskedBy(row["source"]), cause, has_platform=not told.isdisjoint(PLATFORM_LOG)
        ),
        excluded=never_ends_so(cause, seen),
    )
