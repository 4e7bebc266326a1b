"""Two probes that were given one client id, on a real broker."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet_sim.broker.process import BrokerProcess
from tests.helpers.running_probe import running_probe
from tests.helpers.waiting import eventually

pytestmark = pytest.mark.broker


async def test_each_names_the_other(tmp_path: Path, mosquitto: BrokerProcess) -> None:
    """The log of the one that was thrown out says what is wrong, and what to do."""
    first_dir, second_dir = tmp_path / "first", tmp_path / "second"
    for directory in (first_dir, second_dir):
        directory.mkdir()
    async with running_probe(first_dir, mosquitto.address) as first:
        await first.ready()
        async with running_probe(second_dir, mosquitto.address) as second:
            await second.ready()
            await eventually(
                lambda: any(
                    "another client connected with our client_id" in line.get("detail", "")
                    for line in first.log()
                )
            )
