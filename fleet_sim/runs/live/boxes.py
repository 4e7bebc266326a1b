"""Only the boxes, for compose and Kubernetes: they connect, and serve until told to end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

from fleet_sim.cars.defects import ModelDefectError
from fleet_sim.cars.spec import CarSpec
from fleet_sim.customers.records import Witnesses
from fleet_sim.faults import Need
from fleet_sim.results import readable
from fleet_sim.runs.conclude import GROUND_TRUTH
from fleet_sim.runs.directory import RunDirectory
from fleet_sim.runs.injection import Injector, without_platform_faults
from fleet_sim.runs.lines import LineFiles
from fleet_sim.runs.live.control import served
from fleet_sim.runs.live.drills import Drills, how_to_drill
from fleet_sim.runs.live.fleet import FleetOptions
from fleet_sim.runs.live.run_fleet import RunFleet
from fleet_sim.runs.live.stop import report_until, route_signals
from fleet_sim.runs.live.workers import Workers
from fleet_sim.runs.progress import Progress
from fleet_sim.runs.rentals import population_of
from fleet_sim.scenario.form import Scenario
from fleet_sim.scenario.loading import Lacks
from fleet_wire.errors import ConfigError
from fleet_wire.systemd import service_of_systemd

LACKS: Lacks = {
    Need.OWN_BROKER: "the broker of these boxes is not ours; `fleet-sim run` starts one that is"
}
"""The needs of faults that boxes alone cannot meet, with the reason."""
DRILLS_LACK: Lacks = {
    Need.PLATFORM: "these are boxes alone; `fleet-sim platform` has it",
    **LACKS,
}
"""The same for drills; of a scenario's faults those on the platform are left to it."""
ONE_PROCESS = (
    "--platform: customers open doors by hand, so one process plays all cars:"
    " --shard 1/1, --processes 1, or fewer cars"
)
NO_CUSTOMERS = "--platform: the scenario has no `customers` who would ask it"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """The user's choices besides the scenario and the fleet."""

    shard: tuple[int, int] = (1, 1)
    """K and N: take every N-th car, from the K-th."""
    directory: RunDirectory | None = None
    """The directory for the ground truth of faults; None: nowhere."""
    control: Path | None = None
    """The socket for drills; None: there are none."""
    workers: Workers = field(default_factory=Workers)
    """The processes that play the boxes; none where this one does."""
    platform_url: str | None = None
    """The platform at which the scenario's customers rent these cars; None: nobody rents them."""


def truth_directory(out: Path) -> RunDirectory:
    """Return the directory for the ground truth of boxes. Raises `ConfigError`."""
    directory = RunDirectory.create(out, scenario_name="", seed=0)
    if (out / GROUND_TRUTH).exists():
        raise ConfigError([f"--out {out}: holds another {GROUND_TRUTH}; choose another directory"])
    return directory


async def serve_boxes(
    scenario: Scenario, fleet_options: FleetOptions, options: ServeOptions, progress: Progress
) -> None:
    """Connect every N-th box of the scenario, inject its faults, and serve until SIGTERM or Ctrl-C.

    If there is a platform, customers rent the cars at it from then on. The windows of faults count
    from the moment when all boxes are connected. Raises `ModelDefectError` at the end where the
    model has shown a defect.
    """
    stop = asyncio.Event()
    route_signals(lambda _number: stop.set())
    mine = scenario.cars(options.shard)
    fleet = RunFleet(() if options.workers else mine, fleet_options, options.workers, progress)
    fleet.driver.on_stall = lambda _why: stop.set()
    number, total = options.shard
    digest = configuration_digest(scenario, fleet_options, total=total)
    whose = f"shard {number} of {total}, configuration {digest}"
    progress.phase(f"connecting {readable.boxes(len(mine))} ({whose}) to {fleet_options.brokers}")
    if not mine:
        cars = scenario.fleet.count
        progress.note(
            f"shard {number} of {total} has no boxes: {total} shards are more than the"
            f" {readable.number_of(cars, 'car')} of the scenario; {cars} shards would do"
        )
    async with AsyncExitStack() as stack:
        stack.push_async_callback(fleet.close)
        drills = Drills(scenario, fleet.driver, lacks=DRILLS_LACK, boxes=len(mine))
        if options.control is not None:
            await stack.enter_async_context(served(options.control, drills.answer))
        await fleet.connect(stop)
        if not stop.is_set():
            drills.injector = _start_faults(scenario, mine, fleet, options, progress)
            if options.control is not None:
                progress.note(how_to_drill(options.control))
            progress.phase("serving; SIGTERM or Ctrl-C ends it")
            customers = _start_renters(scenario, fleet, options, stack)

            def report() -> None:
                fleet.here.health.report_helpers()
                progress.note(_state_of(fleet, customers, whose))

            with service_of_systemd():
                await report_until(stop, report)
    defects, first = fleet.defects
    if defects:
        raise ModelDefectError(defects, first)
    options.workers.check()


def _start_faults(
    scenario: Scenario,
    mine: Sequence[CarSpec],
    fleet: RunFleet,
    options: ServeOptions,
    progress: Progress,
) -> Injector:
    """Start the faults, and return what takes more of them."""
    begin_s, record = fleet.driver.now_s(), _record(options, progress)
    with fleet.driver.present():
        return Injector(
            mine,
            fleet.here.fleet,
            load_starts_s=begin_s,
            record=record,
            say=progress.note,
            part=fleet.start_load(begin_s, record),
        ).inject_all(without_platform_faults(scenario))


def _record(options: ServeOptions, progress: Progress) -> Callable[[Any], None]:
    """Return what takes the ground truth; its times are seconds since now."""
    if options.directory is None:
        return _drop
    files = LineFiles(
        options.directory.path, lambda error: progress.note(f"{error}; going on without it")
    )
    record = files.opened(GROUND_TRUTH)
    number, total = options.shard
    record({"type": "began", "unix_s": round(time.time(), 3), "shard": f"{number}/{total}"})
    return record


def configuration_digest(scenario: Scenario, fleet_options: FleetOptions, *, total: int) -> str:
    """Return what all shards of a fleet have in common: else some cars have two boxes or none.

    It covers the scenario as it is played, the number of shards, the seed, and the list of brokers
    in its order, from which the broker of a car follows.
    """
    addresses = ",".join(f"{each.host}:{each.port}" for each in fleet_options.brokers.addresses)
    played = scenario.model_dump_json(exclude={"seed"})
    text = f"{played}\n{total}\n{fleet_options.seed}\n{addresses}"
    return blake2b(text.encode(), digest_size=4).hexdigest()


def _start_renters(
    scenario: Scenario, fleet: RunFleet, options: ServeOptions, stack: AsyncExitStack
) -> Callable[[], str]:
    """Let the customers come from now on; return what says how many there have been, if any rent.

    Their experience is not recorded: the monitor has to find it out.
    """
    if options.platform_url is None or scenario.customers is None:
        return str
    from fleet_sim.api.client import HttpPlatform  # noqa: PLC0415 - boxes without customers load no HTTP

    driver = fleet.driver
    platform = HttpPlatform(options.platform_url, present=driver.present)
    stack.push_async_callback(platform.close)
    witnesses = Witnesses(record=_drop, told_open=_drop, told_locked=_drop, called_support=_drop)
    population = population_of(scenario.customers, fleet.here.fleet, platform, witnesses)
    with driver.present():
        population.start(driver.now_s())

    def state() -> str:
        unanswered = platform.unanswered
        return f"; {readable.number_of(population.come, 'customer')}" + (
            f", {readable.number_of(unanswered, 'request')} unanswered" if unanswered else ""
        )

    return state


def _drop(*_: object) -> None:
    """Record nothing."""


def _state_of(fleet: RunFleet, customers: Callable[[], str], whose: str) -> str:
    """Return how the boxes and their customers do, and `whose` they are."""
    counts, (defects, _) = fleet.counts, fleet.defects
    away = fleet.away()
    return (
        f"{counts.reachable} reachable, {counts.asleep} asleep, {counts.commands} commands,"
        f" {counts.executed} executed, {counts.refused} refused"
        + (f", {away}" if away else "")
        + customers()
        + f"; {whose}"
        + (f", {readable.number_of(defects, 'defect')} of the model" if defects else "")
    )
