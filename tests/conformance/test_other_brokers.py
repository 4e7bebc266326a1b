"""RabbitMQ and ejabberd: a fleet at work, and a monitor that comes later."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet_wire.contract.causes import Cause
from tests.helpers.commands import lines, run, summary, write_scenario
from tests.helpers.hand_made_boxes import HandMadeBox, links_to, say_nothing
from tests.helpers.harness import BROKER_DIFFERENCES, Difference
from tests.helpers.other_brokers import OTHER_BROKERS, PASSWORD, OtherBroker, SharedBrokers
from tests.helpers.running_probe import running_probe
from tests.helpers.waiting import eventually

pytestmark = pytest.mark.other_brokers

SILENT = "north-0"


@pytest.fixture(params=OTHER_BROKERS)
def broker(request: pytest.FixtureRequest, other_brokers: SharedBrokers) -> OtherBroker:
    """Give each broker in turn."""
    return other_brokers[request.param]


def test_a_fleet_opens(broker: OtherBroker, tmp_path: Path) -> None:
    """Boxes and probe in their own processes: 80 unlocks of 30 cars, each heard to its end."""
    out = tmp_path / "run"
    address = broker.address
    code, stdout, stderr = run(
        *("fleet_sim", "run", write_scenario(tmp_path), "--out", out, "--listen", "127.0.0.1:0"),
        *("--broker", f"mqtt://{address.username}:{address.password}@127.0.0.1:{address.port}"),
    )
    assert code == 0, stdout + stderr
    result = summary(out)
    assert result["attempts"]["by_outcome"] == {"ok": 80, "refused": 0, "failed": 0, "unknown": 0}
    assert result["boxes"] == {"configured": 30, "connected_max": 30}
    stages = {"published", "broker_accepted", "box_received", "box_executed", "result_received"}
    assert all(stages <= attempt["stages"].keys() for attempt in lines(out / "attempts.jsonl"))


async def test_a_monitor_that_comes_later(broker: OtherBroker, tmp_path: Path) -> None:
    """Of a box that says no more it knows what the broker retains, if that comes by a wildcard."""
    load = {
        "stages": [{"kind": "constant", "rate_per_s": 1, "duration_s": 1}],
        "vehicles": [SILENT],
        "deadline_s": 1.0,
        "relock": False,
    }
    async with links_to(broker.address) as links:
        box = HandMadeBox(links, SILENT, say_nothing)
        await eventually(lambda: box.link.is_connected)
        async with running_probe(
            tmp_path, broker.address, broker_password=PASSWORD, load=load
        ) as probe:
            await eventually(probe.attempts)
    (attempt,) = probe.attempts()
    forgets = Difference.NO_RETAINED_BY_WILDCARD in BROKER_DIFFERENCES[broker.kind]
    assert attempt.cause is (Cause.NO_SUBSCRIBER if forgets else Cause.BOX_SILENT)
    assert len(box.commands) == 1
