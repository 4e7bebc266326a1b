"""Starts the processes and brokers over which a live run is spread, before its loop runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from typing import Final

from fleet_sim.broker.process import BrokerKind
from fleet_sim.faults import Need
from fleet_sim.runs.directory import RunDirectory
from fleet_sim.runs.injection import without_platform_faults
from fleet_sim.runs.limits import check_memory, raise_descriptor_limit
from fleet_sim.runs.live.fleet import FleetOptions
from fleet_sim.runs.live.run import LiveOptions, RunsOn, fleet_options
from fleet_sim.runs.live.run_brokers import RunBrokers, brokers_needed
from fleet_sim.runs.live.shard import play_shard
from fleet_sim.runs.live.shards import MAX_PROCESSES, Shards, processes_needed
from fleet_sim.scenario.loading import Scenario
from fleet_wire.errors import ConfigError
from fleet_wire.links.several import Brokers

NO_DRILLS: Final = "--control: drills reach boxes of one process; --processes 1, or fewer cars"


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

    With `processes` None as many as the limit of open files asks for: where one process may not
    have a connection for each box, there are several, and as many private brokers as they need.
    Raises `LimitError` where memory is too short, `ConfigError` for what a spread run cannot have.
    """
    boxes = scenario.fleet.count
    check_memory(boxes)
    if processes is None:
        processes = processes_needed(boxes)
    processes = min(processes, boxes)
    if processes > 1:
        _check_can_be_spread(scenario, processes)
    else:
        raise_descriptor_limit(boxes + 1)
    with ExitStack() as stack:
        if options.broker_url is not None:
            urls = Brokers.parse(options.broker_url)
            brokers = RunBrokers(urls.with_password(options.broker_password))
        else:
            brokers = RunBrokers.private(
                scenario,
                directory.path / "broker",
                kind=broker_kind,
                count=brokers_needed(boxes),
            )
        stack.enter_context(brokers)
        shards = None
        if processes > 1:
            of_boxes = replace(fleet_options(scenario, options, brokers), is_watched=True)
            play = partial(play_shard, scenario, of_boxes)
            shards = stack.enter_context(Shards.fork(play, boxes, processes))
        yield RunsOn(brokers, shards)


@contextmanager
def spread_boxes(
    scenario: Scenario, options: FleetOptions, *, processes: int | None, of: tuple[int, int]
) -> Iterator[Shards | None]:
    """Start the processes of boxes alone, shard K/N of a fleet; None where this one plays them.

    As `spread`: call it before a loop runs. The faults of the platform are not theirs.
    """
    boxes = scenario.fleet.count
    mine = len(range(of[0] - 1, boxes, of[1]))
    processes = min(processes_needed(mine) if processes is None else processes, max(mine, 1))
    if processes == 1:
        yield None
        return
    _check_number(processes)
    play = partial(play_shard, without_platform_faults(scenario), options)
    with Shards.fork(play, boxes, processes, of=of) as shards:
        yield shards


def _check_number(processes: int) -> None:
    if processes > MAX_PROCESSES:
        raise ConfigError([f"--processes {processes}: at most {MAX_PROCESSES}"])


def _check_can_be_spread(scenario: Scenario, processes: int) -> None:
    """Raise `ConfigError` for what needs all boxes in one process."""
    _check_number(processes)
    problems = []
    if scenario.customers is not None:
        problems.append(
            f"customers open doors by hand: their cars are in their process, not in {processes};"
            " take fewer cars (--set fleet.count=N), or let unlocks come by `load`"
        )
    problems += [
        f"fault {entry.name} acts on the broker, which it cannot from one of {processes} processes:"
        " take fewer cars (--set fleet.count=N), or --processes 1"
        for entry in scenario.faults
        if Need.OWN_BROKER in entry.fault().needs
    ]
    if problems:
        raise ConfigError(problems)
