"""docs/wire.md tells the truth: its client unlocks a simulated car, its table is the contract."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.brokers import running_mosquitto
from tests.helpers.commands import SCENARIO, finish, start, write_scenario
from tests.helpers.pages import EXAMPLES


@pytest.mark.broker
def test_the_client_of_the_page_unlocks_a_car(tmp_path: Path) -> None:
    """As it stands there: the box receives, and executes."""
    scenario = write_scenario(tmp_path, SCENARIO.replace("count: 30", "count: 2"))
    with (
        running_mosquitto() as broker,
        start("fleet_sim", "boxes", scenario, f"--broker=mqtt://127.0.0.1:{broker.port}") as boxes,
    ):
        assert boxes.stdout is not None
        assert any("serving" in line for line in boxes.stdout)
        arguments = ["127.0.0.1", str(broker.port), "car-00001"]
        client = subprocess.run(
            [sys.executable, EXAMPLES / "programs" / "unlock.py", *arguments],
            check=True,
            capture_output=True,
            text=True,
            timeout=300,
        )
        boxes.terminate()
        finish(boxes)
    assert client.stdout.split() == ["received", "executed"]
