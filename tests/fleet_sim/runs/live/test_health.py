"""Problems of brokers and links, each said once, and once that it is over."""

from __future__ import annotations

import asyncio
from itertools import accumulate, chain, repeat

import pytest

from fleet_sim.runs.live import health as module
from fleet_sim.runs.live.health import (
    AWAY_AFTER_S,
    STILL_S,
    FleetHealth,
    Health,
    Pulse,
    Silence,
    merge_states,
)
from fleet_wire.links.brokers import Brokers
from tests.helpers.waiting import eventually

BROKERS = Brokers.parse("mqtt://a,mqtt://b")


def test_a_problem_is_said_once_and_so_is_its_end() -> None:
    """Each by itself; what never failed has no end."""
    said: list[str] = []
    health = Health(said.append)
    health.report("a", None, end="a is back")
    for _ in range(2):
        health.report("a", "a is away", end="a is back")
        health.report("b", "b is away", end="b is back")
    for _ in range(2):
        health.report("a", None, end="a is back")
    assert said == ["a is away", "b is away", "a is back"]


def test_one_that_stays_away_is_said_once_and_that_it_is_back() -> None:
    """With its address and the reason."""
    said: list[str] = []
    away = FleetHealth(BROKERS, said.append)
    for now_s in (0.0, AWAY_AFTER_S, AWAY_AFTER_S + 1.0):
        away.report_brokers({0: "", 1: "nobody listens"}, now_s)
    assert said == ["broker mqtt://b:1883: none of its boxes is connected: nobody listens"]
    for now_s in (5.0, 6.0):
        away.report_brokers({0: "", 1: ""}, now_s)
    assert said[1:] == ["broker mqtt://b:1883: boxes connect to it now"]


def test_one_that_is_back_soon_is_not_worth_a_word() -> None:
    """Neither that it was away nor that it is back."""
    said: list[str] = []
    away = FleetHealth(BROKERS, said.append)
    away.report_brokers({1: "it starts"}, 0.0)
    away.report_brokers({1: ""}, AWAY_AFTER_S - 1.0)
    away.report_brokers({1: "it starts again"}, AWAY_AFTER_S + 1.0)
    assert said == []


def test_a_broker_is_there_when_a_box_of_any_process_is_connected() -> None:
    """Whichever process has tried first; one that nobody has tried is not mentioned."""
    assert merge_states([{0: "refused"}, {0: "", 2: ""}, {0: "refused", 2: "refused"}]) == {
        0: "",
        2: "",
    }
    assert merge_states([{}, {1: "refused"}, {1: "nobody listens"}])[1]


def test_a_process_that_stands_still_is_named_once_until_it_is_back() -> None:
    """Of a probe that was stopped for 40 s the display said "in flight 20", and nothing else."""
    said: list[str] = []
    pulse = Pulse("the probe", without="no unlock begins")
    Health(said.append).follow(pulse)
    pulse.beat()
    for _ in range(40):
        pulse.pass_time(1.0)
    assert said == [f"the probe gives no sign of life for {STILL_S:.0f} s: no unlock begins"]
    pulse.beat()
    pulse.beat()
    assert said[1:] == ["the probe is back after 40 s"]


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
    assert own.silences == [Silence(20.0, 32.0, 12.0)]
    assert not other.is_silent
