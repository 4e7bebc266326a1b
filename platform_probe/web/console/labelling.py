"""Labels that people give on the page of an unlock: which there are, and how one is kept."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from fleet_wire.contract.diagnosis import NOTHING_WRONG, UNKNOWN
from fleet_wire.contract.label import MAX_NAME, MAX_TEXT, Label
from fleet_wire.modes.catalogue import MODES, TITLES
from fleet_wire.modes.mode import Layer
from platform_probe.store.schema import LABELS
from platform_probe.tell.labels import send_label
from platform_probe.tell.posting import MonitorAddress
from platform_probe.tell.support.rows import Row
from platform_probe.web.console.one_unlock import unlock_case
from platform_probe.web.console.person import Person
from platform_probe.web.console.snapshot import Looking, Snapshot
from platform_probe.web.console.workers import Workers

NONE_OF_THESE: Final = (UNKNOWN, NOTHING_WRONG)
MODES_BY_LAYER: Final[Mapping[Layer, Sequence[str]]] = {
    layer: [slug for slug, mode in MODES.items() if mode.layer is layer] for layer in Layer
}
"""The modes that a label can name, in the order of the catalogue."""


class LabelForm(NamedTuple):
    """A label as a form gives it."""

    attempt_id: str
    mode: str | None
    """None: the label is withdrawn."""
    text: str | None


def label_form_of(form: Mapping[str, str]) -> LabelForm | None:
    """Return the label of a form; None where the form names no unlock, or no mode that there is."""
    attempt_id, mode = form.get("attempt", ""), form.get("mode", "") or None
    is_whole = mode in TITLES if "withdraw" not in form else mode is None
    if not attempt_id or not is_whole:
        return None
    return LabelForm(attempt_id, mode, form.get("text", "").strip()[:MAX_TEXT] or None)


def labels_of(snapshot: Snapshot, attempt_id: str, at_s: float) -> list[Row]:
    """Return the labels that an unlock has had, the last one first."""
    return snapshot.rows(
        f"SELECT mode, labelled_by, made_at, text FROM {snapshot.within(LABELS, at_s, at_s)}"
        " WHERE attempt_id = $id ORDER BY made_at DESC",
        {"id": attempt_id},
    )


class Labelling:
    """Keeps labels: in the store, or by `monitor`, which writes to it."""

    def __init__(
        self, looking: Looking, workers: Workers, directory: Path, monitor: MonitorAddress | None
    ) -> None:
        self._looking = looking
        self._workers = workers
        self._directory = directory
        self._monitor = monitor

    async def label_for(self, person: Person, form: LabelForm) -> Label | None:
        """Return what a person says of an unlock; None where there is no such unlock."""
        found = partial(self._looking.read, lambda now: unlock_case(now, form.attempt_id))
        case = await self._workers.run(found)
        if case is None:
            return None
        return Label(
            attempt_id=form.attempt_id,
            vehicle_id=case.vehicle_id or "",
            started_at=case.at_s,
            mode=form.mode,
            by=person.name[:MAX_NAME],
            at=time.time(),
            text=form.text,
        )

    async def keep(self, label: Label) -> None:
        """Have a label kept. Raises `ConfigError` where the monitor takes none, `OSError`."""
        await send_label(label, self._directory, self._monitor)
        await self._workers.run(partial(self._looking.read_newest, lambda _: None))
