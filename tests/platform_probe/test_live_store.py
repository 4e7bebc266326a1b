"""A running probe with a store: read while it is written, whole after SIGKILL, refused to two."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from fleet_sim.broker.process import BrokerProcess
from tests.helpers.hand_made_boxes import boxes, links_to
from tests.helpers.live_fleet import CARS
from tests.helpers.running_probe import running_probe
from tests.helpers.stores import ids_in, selected
from tests.helpers.waiting import eventually

pytestmark = pytest.mark.broker


def settings_of(directory: Path) -> dict[str, Any]:
    """Return the settings of a load on all cars, kept in a store."""
    stage = {"kind": "constant", "rate_per_s": 100, "duration_s": 60}
    load = {"stages": [stage], "vehicles": CARS, "start_delay_s": 0.1, "relock": False}
    return {"load": load, "store": {"directory": str(directory / "store")}}


async def test_what_is_on_disk_is_in_the_store(tmp_path: Path, mosquitto: BrokerProcess) -> None:
    """Unlocks and what was heard are there while the probe runs, and after SIGKILL.

    Records are written before the store gets them, so it may lack the last ones.
    """
    store = tmp_path / "store"
    async with links_to(mosquitto.address) as links:
        fleet = boxes(links, CARS)
        await eventually(lambda: all(box.link.is_connected for box in fleet))
        async with running_probe(tmp_path, mosquitto.address, **settings_of(tmp_path)) as probe:
            await eventually((store / "store.json").exists)
            await eventually(lambda: len(ids_in(store)) > 50)
            while_running = ids_in(store)
            probe.process.send_signal(signal.SIGKILL)
            await probe.exit_code()
            written = [attempt.attempt_id for attempt in probe.attempts()]
    await eventually(lambda: len(ids_in(store)) > len(written) - 100)
    found = ids_in(store)
    assert set(while_running) <= set(found) <= set(written)
    assert len(found) == len(set(found))
    kinds = dict(selected(store, "SELECT kind, count(*) FROM observations GROUP BY kind"))
    assert kinds["result"] >= len(found)
