"""A probe that stands still is named."""

from __future__ import annotations

import asyncio

import pytest

from fleet_sim.runs.live import probe_watch
from fleet_sim.runs.live.probe_watch import ProbeWatch
from tests.helpers.waiting import eventually


async def test_it_is_named_once_until_it_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one that was stopped for 40 s the display said "in flight 20", and nothing else."""
    monkeypatch.setattr(probe_watch, "WATCH_S", 0.01)
    monkeypatch.setattr(probe_watch, "SILENT_S", 0.2)
    notes: list[str] = []
    watch = ProbeWatch(notes.append)
    watching = asyncio.ensure_future(watch.watch())
    watch.note_sign_of_life()
    await eventually(lambda: bool(notes))
    await eventually(lambda: watch._silent_s > 2 * probe_watch.SILENT_S)
    (still,) = notes
    assert still.startswith("the probe gives no sign of life for 0 s: no unlock begins or ends")
    watch.note_sign_of_life()
    watch.note_sign_of_life()
    watching.cancel()
    assert len(notes) == 2
    assert notes[1].startswith("the probe is back after ")
