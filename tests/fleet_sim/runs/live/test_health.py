"""What several processes see of a broker, and one that notices its own stall."""

from __future__ import annotations

import asyncio
from itertools import accumulate, chain, repeat

import pytest

from fleet_sim.runs.live import health as module
from fleet_sim.runs.live.health import STILL_S, Health, Pulse, Silence, merge_states
from tests.helpers.waiting import eventually


def test_a_broker_is_there_when_a_box_of_any_process_is_connected() -> None:
    """Whichever process has tried first; one that nobody has tried is not mentioned."""
    assert merge_states([{0: "refused"}, {0: "", 2: ""}, {0: "refused", 2: "refused"}]) == {
        0: "",
        2: "",
    }
    assert merge_states([{}, {1: "refused"}, {1: "nobody listens"}])[1]


async def test_a_process_notices_that_it_stood_still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-Z stops the boxes, and not the probe, which asks for them; its time is not another's."""
    beats = accumulate(chain(repeat(1.0, 20), [STILL_S + 2.0], repeat(1.0)))
    own, other = Pulse("the run's own process (6 boxes)"), Pulse("the probe")
    monkeypatch.setattr(module, "WATCH_S", 0.0)
    monkeypatch.setattr(module, "monotonic", lambda: next(beats))
    said: list[str] = []
    health = Health(said.append)
    health.follow(own, is_ours=True)
    health.follow(other)
    watching = asyncio.ensure_future(health.watch_processes())
    await eventually(lambda: said)
    watching.cancel()
    assert said == ["the run's own process (6 boxes) is back after 12 s"]
    assert own.texts == ("the run's own process (6 boxes): silent for 12 s",)
    assert own.silences == [Silence(20.0, 32.0)]
    assert not other.is_silent
