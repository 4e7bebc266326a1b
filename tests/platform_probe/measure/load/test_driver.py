"""The load driver: every planned start is made, in order, never early."""

from __future__ import annotations

import asyncio

from fleet_wire.system_clock import SystemClock
from platform_probe.measure.load.driver import Lags, LoadDriver
from platform_probe.measure.load.plan import PlannedStart
from platform_probe.measure.load.timers import LoopTimers
from tests.helpers.waiting import eventually


class Starts:
    """A driver on the running loop, and what it started."""

    def __init__(self, times_s: list[float]) -> None:
        self.clock = SystemClock()
        self.made: list[tuple[PlannedStart, float, float]] = []
        plan = [PlannedStart(at_s, f"car-{n}") for n, at_s in enumerate(times_s)]
        self.plan = plan
        self.driver = LoadDriver(
            iter(plan),
            clock=self.clock,
            timers=LoopTimers(asyncio.get_running_loop()),
            start=self.start,
        )

    def start(self, planned: PlannedStart, intended_s: float) -> None:
        """Note a start."""
        self.made.append((planned, intended_s, self.clock.monotonic_s()))


async def test_starts_are_made_in_order_and_never_early() -> None:
    """Each start comes at or after its intended time, which is counted from the beginning."""
    starts = Starts([n / 500 for n in range(50)])
    begins_s = starts.clock.monotonic_s() + 0.01
    starts.driver.start_plan(begins_s)
    assert not starts.driver.is_done
    await eventually(lambda: starts.driver.is_done)
    assert [planned for planned, _, _ in starts.made] == starts.plan
    for planned, intended_s, made_s in starts.made:
        assert intended_s == begins_s + planned.scheduled_s
        assert made_s >= intended_s - 1e-9


async def test_what_is_overdue_is_made_and_not_left_out() -> None:
    """After a pause of the machine all that was missed is started, with its old intended time."""
    starts = Starts([n / 100 for n in range(1_000)])
    begins_s = starts.clock.monotonic_s() - 100
    starts.driver.start_plan(begins_s)
    others = 0
    while not starts.driver.is_done:
        others += 1
        await asyncio.sleep(0)
    assert len(starts.made) == 1_000
    assert starts.made[-1][1] == begins_s + 9.99
    assert others > 2, "the loop must get its turn between batches"


async def test_nothing_starts_after_stop() -> None:
    """A stopped driver is done, at once and for ever."""
    starts = Starts([0.0, 0.01, 0.02])
    starts.driver.start_plan(starts.clock.monotonic_s())
    starts.driver.stop()
    made = len(starts.made)
    await asyncio.sleep(0.05)
    assert starts.driver.is_done
    assert len(starts.made) == made


def test_lags_are_summed_up() -> None:
    """Quantiles over all starts; nothing where there was no start."""
    lags = Lags()
    assert lags.summary() == {"p50": None, "p99": None, "max": None}
    for number in range(101):
        lags.add(number / 100)
    assert lags.summary() == {"p50": 0.5, "p99": 0.99, "max": 1.0}
