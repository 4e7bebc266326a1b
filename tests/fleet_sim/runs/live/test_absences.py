"""Whose boxes were not there, and when."""

from __future__ import annotations

import asyncio
import socket
from itertools import accumulate, chain, repeat
from typing import cast

import pytest

from fleet_sim.runs.live import absences, silence
from fleet_sim.runs.live.absences import OwnStalls, lost_boxes
from fleet_sim.runs.live.shards import Shard, Shards
from fleet_sim.runs.live.silence import Silence
from tests.helpers.waiting import eventually

CARS = [f"car-{number}" for number in range(1, 7)]
BEGAN_AT = 1_000.0


async def test_a_process_notices_that_it_stood_still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-Z stops the boxes, and not the probe, which asks for them."""
    monkeypatch.setattr(absences, "BEAT_S", 0.0)
    beats = accumulate(chain(repeat(1.0, 20), [silence.STILL_S + 2.0], repeat(1.0)))
    monkeypatch.setattr(silence, "monotonic", lambda: next(beats))
    notes: list[str] = []
    own = OwnStalls(6, notes.append)
    watching = asyncio.ensure_future(own.watch())
    await eventually(lambda: notes)
    watching.cancel()
    assert notes == ["the run's own process (6 boxes) is back after 12 s"]
    assert own.texts == ("the run's own process (6 boxes): silent for 12 s",)
    assert own.spans == [(20.0, 32.0)]


def _shards() -> Shards:
    channel = cast("socket.socket", None)
    every = [Shard(number, 3, 0, 2, channel, has_null_box=number == 1) for number in (1, 2, 3)]
    return Shards(every)


def test_each_span_has_its_cars() -> None:
    """Those of a process are every N-th, but for those that this process has; nothing of before."""
    shards, own = _shards(), OwnStalls(1, lambda _text: None)
    third = shards.shards[-1]
    shards.silences += [
        Silence(2, 990.0, 1_020.5, 30.5, "the second"),
        Silence(1, 900.0, 990.0, 90.0, "the first"),
    ]
    third.lost, third.lost_at = "it was killed", 1_030.0
    own.spans.append((1_040.0, 1_050.0))
    found = [*lost_boxes(shards, own, vehicle_ids=CARS, here={"car-5"}, began_at=BEGAN_AT)]
    told = [(each.process, each.since_s, each.until_s, each.vehicles) for each in found]
    assert told == [
        (0, 40.0, 50.0, ["car-5"]),
        (2, -10.0, 20.5, ["car-2"]),
        (3, 30.0, None, ["car-3", "car-6"]),
    ]
    assert not any(each.with_null_box for each in found)


def test_a_process_that_is_alone_has_all_cars() -> None:
    """And the null box."""
    own = OwnStalls(6, lambda _text: None)
    own.spans.append((1_000.0, 1_012.0))
    (boxes,) = lost_boxes(None, own, vehicle_ids=CARS, here=(), began_at=BEGAN_AT)
    assert (boxes.vehicles, boxes.with_null_box) == (CARS, True)
    assert boxes.name == "the run's own process"
