"""The driver in C opens full boxes: its commands are signed as a platform's are."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.child_fleet import running_fleet
from bench.measure import Plan
from bench.probe_run import run_c_driver
from fleet_sim.broker.process import start_broker

pytestmark = pytest.mark.long


@pytest.mark.broker
@pytest.mark.compiler
async def test_driver_in_c_is_answered(tmp_path: Path) -> None:
    """All of fifty commands to twenty full boxes are executed, and timed from when each was due."""
    plan = Plan(boxes=20, rate_per_s=250.0, open_loop_s=0.2)
    with start_broker("mosquitto", tmp_path) as broker:
        host, port = broker.address.host, broker.port
        async with running_fleet("full", host=host, port=port, count=plan.boxes):
            line = await run_c_driver(plan, host, port)
    assert (line.sent, line.answered) == (50, 50)
    assert 0 < line.p50_ms <= line.p99_ms
