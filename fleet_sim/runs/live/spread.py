"""Starts the processes and brokers over which a live run is spread, before its loop runs."""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from fleet_sim.broker.process import BrokerKind
from fleet_sim.faults import Need
from fleet_sim.results import readable
from fleet_sim.runs.directory import RunDirectory
from fleet_sim.runs.injection import without_platform_faults
from fleet_sim.runs.limits import (
    SPARE_DESCRIPTORS,
    check_memory,
    limit_of_descriptors,
    most_connections,
    raise_descriptor_limit,
)
from fleet_sim.runs.live.fleet import FleetOptions
from fleet_sim.runs.live.run import LiveOptions, RunsOn, fleet_options
from fleet_sim.runs.live.run_brokers import RunBrokers
from fleet_sim.runs.live.worker import play_worker
from fleet_sim.runs.live.workers import MAX_PROCESSES, Workers
from fleet_sim.scenario.form import Scenario, select
from fleet_wire.errors import ConfigError, LimitError
from fleet_wire.links.brokers import Brokers

NO_DRILLS: Final = "--control: drills reach boxes of one process; --processes 1, or fewer cars"
BROKERS_IN_SPARE: Final = 70
"""`SPARE_DESCRIPTORS` are enough with a connection to each of so many brokers: a process has 15
open files besides its boxes and brokers."""
_UNEVEN: Final = 1.1
"""Most cars of a broker, relative to an even share. Above 10,000 cars a broker their hash spreads
them to within 5 %, at five sigma."""
_MOST: Final = 2**30
"""No limit is higher: the kernel's own for a process (fs.nr_open) ends there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """A fleet to be spread over processes, and its need of open files."""

    boxes: int
    here: int = 0
    """Number of these that are in the process that starts the others."""
    brokers: int | None = None
    """None: private ones, as many as it takes."""

    def brokers_at(self, limit: float) -> int:
        """Return how many brokers there are where a process may have `limit` open files."""
        most = max(limit - SPARE_DESCRIPTORS, 1)
        needed = 1 if self.boxes <= most else math.ceil(self.boxes * _UNEVEN / most)
        return needed if self.brokers is None else self.brokers

    def processes_at(self, limit: float) -> int:
        """Return over how many processes the boxes are spread there."""
        most = limit - SPARE_DESCRIPTORS - self._links(1, limit)
        return max(math.ceil(self.boxes / max(most, 1)), 1)

    def connections(self, processes: int, limit: float) -> int:
        """Return the most that one of so many processes has there, besides the spare ones."""
        of_boxes = math.ceil(self.boxes / processes) + self._links(1, limit)
        if processes == 1:
            return of_boxes
        around = self.here + processes + self._links(2, limit)  # platform and SMS centre
        return max(of_boxes, around)

    def fits(self, limit: float, processes: int | None = None) -> bool:
        """Whether `processes` have enough there; None: as many as are taken by themselves."""
        chosen = self.processes_at(limit) if processes is None else processes
        open_files = SPARE_DESCRIPTORS + self.connections(chosen, limit)
        return chosen <= MAX_PROCESSES and open_files <= limit

    def _links(self, for_each: int, limit: float) -> int:
        """Return how many connections with brokers there are for which the spare ones are short."""
        return max(for_each * self.brokers_at(limit) - BROKERS_IN_SPARE, 0)

    def check(self, processes: int | None, *, or_else: str = "") -> None:
        """Raise `LimitError` where a process here may not open enough files, with what would do.

        `or_else` is another cure, the end of a sentence.
        """
        limit = limit_of_descriptors()
        if self.fits(limit, processes):
            return
        if processes is None or not self.fits(limit):
            needed = _first(self.fits, _MOST)
            room = _first(lambda boxes: not self._with_boxes(boxes).fits(limit), self.boxes) - 1
            room_for = f"{room:,}" if room > 0 else "none"
            raise LimitError(
                f"{readable.boxes(self.boxes)} need {needed:,} open files for a process; the limit"
                f" of a process here is {limit:,.0f}: room for {room_for}",
                f"ulimit -Hn {needed}  (as root, in the shell that starts this{or_else})",
            )
        needed = _first(lambda most: self.fits(most, processes), _MOST)
        fitting = self.processes_at(limit)
        many = "1 process" if processes == 1 else f"{processes:,} processes"
        raise LimitError(
            f"{readable.boxes(self.boxes)} in {many} need"
            f" {needed:,} open files for one of them; the limit of a process here is {limit:,.0f}:"
            f" room for {limit - SPARE_DESCRIPTORS:,.0f} in each",
            f"--processes {fitting}  (or ulimit -Hn {needed}, as root, in the shell that starts"
            f" this{or_else})",
        )

    def _with_boxes(self, boxes: int) -> Spread:
        return replace(self, boxes=boxes, here=min(self.here, boxes))


def _first(holds: Callable[[int], bool], most: int) -> int:
    """Return the first number from 1 on for which it holds, `most` + 1 where there is none."""
    return 1 + bisect.bisect_left(range(1, most + 1), 1, key=holds)


@contextmanager
def spread(
    scenario: Scenario,
    options: LiveOptions,
    directory: RunDirectory,
    *,
    processes: int | None,
    broker_kind: BrokerKind,
) -> Iterator[RunsOn]:
    """Start what a run needs besides its loop; call it before one runs.

    If `processes` is None, the limit of open files decides. If one process may not have a
    connection for each box, there are several, with as many private brokers as they need. Raises
    `LimitError` for too little memory or too few open files. Raises `ConfigError` for an
    unsupported option of a spread run, and for more processes than cars.
    """
    given = None if options.broker_url is None else Brokers.parse(options.broker_url)
    wanted = Spread(
        boxes=scenario.fleet.count, brokers=None if given is None else len(given.addresses)
    )
    with_brokers = given is None or given.is_loopback
    chosen, limit = processes, limit_of_descriptors()
    processes = _number_of_processes(scenario, wanted, chosen, with_brokers=with_brokers)
    here = rented_cars(scenario, options.seed) if processes > 1 else {}
    if processes > 1:
        if options.control is not None:
            raise ConfigError([NO_DRILLS])
        _check_can_be_spread(scenario, processes, rented=len(here))
        wanted = replace(wanted, here=len(here))
        wanted.check(chosen)
    raise_descriptor_limit(wanted.connections(processes, limit))
    with ExitStack() as stack:
        if given is not None:
            brokers = RunBrokers(given.with_password(options.broker_password))
        else:
            brokers = RunBrokers.private(
                scenario,
                directory.path / "broker",
                kind=broker_kind,
                count=wanted.brokers_at(limit),
            )
        stack.enter_context(brokers)
        workers = Workers()
        if processes > 1:
            of_boxes = replace(fleet_options(scenario, options, brokers), is_watched=True)
            play = partial(play_worker, scenario, of_boxes, here)
            others = partial(_boxes_of, scenario, here)
            workers = stack.enter_context(Workers.fork(play, others, processes))
        yield RunsOn(brokers, workers, frozenset(here))


@contextmanager
def spread_boxes(
    scenario: Scenario, options: FleetOptions, *, processes: int | None, of: tuple[int, int]
) -> Iterator[Workers]:
    """Start the processes of boxes alone, shard K/N of a fleet; none where this one plays them.

    Call it before a loop runs, like `spread`. The faults of the platform are not theirs. Raises
    `LimitError` where memory or open files are too few, and `ConfigError` for more processes than
    boxes.
    """
    mine = len(range(of[0] - 1, scenario.fleet.count, of[1]))
    wanted = Spread(boxes=mine, brokers=len(options.brokers.addresses))
    processes = _number_of_processes(
        scenario,
        wanted,
        processes,
        with_brokers=options.brokers.is_loopback,
        or_else="; or smaller shards: --shard K/N, a larger N",
    )
    raise_descriptor_limit(wanted.connections(processes, limit_of_descriptors()))
    if processes == 1:
        yield Workers()
        return
    play = partial(play_worker, without_platform_faults(scenario), options, ())
    with Workers.fork(play, partial(_boxes_of, scenario, {}), processes, of=of) as workers:
        yield workers


def _number_of_processes(
    scenario: Scenario,
    wanted: Spread,
    chosen: int | None,
    *,
    with_brokers: bool,
    or_else: str = "",
) -> int:
    """Return how many processes play the boxes: the chosen number, or as many as it takes.

    Raises `LimitError` where memory or open files are too few, and `ConfigError` for more processes
    than have something to do.
    """
    boxes = wanted.boxes
    groups = {group.name: group.count for group in scenario.fleet.groups}
    check_memory(boxes, with_brokers=with_brokers, groups=groups)
    most = min(MAX_PROCESSES, max(boxes, 1))
    if chosen is not None and chosen > most:
        raise ConfigError([f"--processes {chosen}: at most {most}, for {readable.boxes(boxes)}"])
    wanted.check(chosen, or_else=or_else)
    return chosen or min(wanted.processes_at(limit_of_descriptors()), max(boxes, 1))


def rented_cars(scenario: Scenario, seed: int) -> dict[str, int]:
    """Return the cars that customers may rent, each with its place in the fleet, from 0.

    These play in the customers' process: customers open doors by hand, and no message says that.
    """
    if scenario.customers is None:
        return {}
    cars = scenario.cars()
    rented = select(cars, scenario.customers.targets, seed, "customers")
    ids = {spec.vehicle_id for spec in rented}
    return {spec.vehicle_id: place for place, spec in enumerate(cars) if spec.vehicle_id in ids}


def _boxes_of(scenario: Scenario, elsewhere: Mapping[str, int], shard: tuple[int, int]) -> int:
    """Return how many boxes a shard has."""
    places = range(shard[0] - 1, scenario.fleet.count, shard[1])
    return len(places) - sum(place in places for place in elsewhere.values())


def _check_can_be_spread(scenario: Scenario, processes: int, *, rented: int) -> None:
    """Raise `ConfigError` for what needs all boxes in one process."""
    problems = []
    most = min(most_connections(), scenario.fleet.count - 1)
    if rented > most:
        problems.append(
            f"customers open doors by hand: the {rented:,} cars that they may rent are in their"
            f" process, not in {processes}; let them rent at most {most:,.0f}"
            f" (--set customers.targets.share={most / rented / 2:.1g})"
        )
    problems += [
        f"fault {entry.name} acts on the broker, which it cannot from one of {processes} processes:"
        " take fewer cars (--set fleet.count=N, N in each group), or --processes 1"
        for entry in scenario.faults
        if Need.OWN_BROKER in entry.fault().needs
    ]
    if problems:
        raise ConfigError(problems)
