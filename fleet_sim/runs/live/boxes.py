"""Only the boxes, for compose and Kubernetes: they connect, and serve until told to end."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence

from fleet_sim.cars.spec import CarSpec
from fleet_sim.runs.injection import inject_all
from fleet_sim.runs.limits import raise_descriptor_limit
from fleet_sim.runs.live.fleet import FleetOptions, LiveFleet
from fleet_sim.runs.progress import Progress
from fleet_sim.scenario.loading import Scenario
from fleet_wire.errors import ConfigError
from fleet_wire.shown import shortened

REPORT_S = 10.0
MAX_SHARD_LETTERS = 20


def parse_shard(text: str) -> tuple[int, int]:
    """Return K and N of `K/N`, 1 <= K <= N. Raises `ConfigError`."""
    number, _, total = text.partition("/")
    is_number = number.isdecimal() and total.isdecimal() and len(text) <= MAX_SHARD_LETTERS
    if is_number and 1 <= int(number) <= int(total):
        return int(number), int(total)
    expected = "expected K/N with 1 <= K <= N, for example 2/4"
    raise ConfigError([f"--shard {shortened(repr(text))}: {expected}"])


async def serve_boxes(
    scenario: Scenario, options: FleetOptions, progress: Progress, *, shard: tuple[int, int]
) -> None:
    """Connect every N-th box of the scenario, inject its faults, and serve until SIGTERM or Ctrl-C.

    The windows of faults count from the moment when all boxes are connected.
    Raises `ModelDefectError` at the end where the model has shown a defect.
    """
    number, total = shard
    specs: Sequence[CarSpec] = scenario.cars()
    mine = specs[number - 1 :: total]
    raise_descriptor_limit(len(mine))
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(signal_number, stop.set)
    fleet = LiveFleet(mine, options)
    progress.phase(f"connecting {len(mine)} boxes (shard {number} of {total}) to {options.broker}")
    try:
        await fleet.connect(progress, stop)
        with fleet.driver.present():
            inject_all(
                scenario,
                specs,
                fleet.fleet,
                load_starts_s=fleet.driver.now_s(),
                record=lambda _line: None,  # whoever asks for unlocks keeps the records
            )
        progress.phase("serving; SIGTERM or Ctrl-C ends it")
        while not stop.is_set():
            await _wait(stop, REPORT_S)
            counts, defects = fleet.counts, fleet.driver.defects
            away = len(mine) - counts.reachable - counts.asleep
            progress.note(
                f"{counts.reachable} reachable, {counts.asleep} asleep, {counts.commands} commands,"
                f" {counts.executed} executed, {counts.refused} refused"
                + (f", {away} away{fleet.last_failure()}" if away > 0 else "")
                + (f", {defects.count} defects of the model" if defects.count else "")
            )
    finally:
        await fleet.close()
        progress.close()
    fleet.driver.defects.check()


async def _wait(event: asyncio.Event, timeout_s: float) -> None:
    try:
        await asyncio.wait_for(event.wait(), timeout_s)
    except TimeoutError:
        return
