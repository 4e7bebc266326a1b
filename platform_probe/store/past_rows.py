"""The rows that had been written by a moment.

A query as of a past moment sees nothing later. It serves checks of earlier advice of support, and
training with a run that is over.
"""

from __future__ import annotations

from typing import Final

from platform_probe.store.schema import ATTEMPTS, COMPLAINTS, MICRO, STAGES, Table

_LAST_OF_UNLOCK: Final = ", ".join(
    f"coalesce({name}, 0)"
    for name in ("total_us", "ended_us", "woken_us", *(f"{stage}_us" for stage in STAGES))
)
"""The times in an unlock's record: it was written when the last of these had passed."""

CALL_WAITS_S: Final = 20
"""The time a call waits for the judgement of the unlocks before it: `load.deadline_s`, as it ships.
"""


def known_by(table: Table, as_of_s: float | None) -> str:
    """Return the SQL of which rows of a table, as they are kept, were there at a Unix second.

    None: all. The record of an unlock does not show when it was written. That was when it had ended
    and its last time had passed, within seconds.
    """
    if as_of_s is None:
        return "true"
    known_at = table.time
    if table is ATTEMPTS:
        known_at = f"started_at + to_microseconds(greatest({_LAST_OF_UNLOCK}))"
    elif table is COMPLAINTS:
        known_at = f"called_at + to_seconds({CALL_WAITS_S})"
    return f"{known_at} <= make_timestamp({round(as_of_s * MICRO)})"
