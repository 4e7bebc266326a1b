"""Runs in virtual time whose monitor also fills a store, as one over a real fleet does."""

from __future__ import annotations

import io
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import msgspec
from rich.console import Console

from fleet_sim.runs.directory import RunDirectory, ScenarioSource
from fleet_sim.runs.progress import progress_on
from fleet_sim.runs.virtual.run import VirtualOptions, VirtualRun
from fleet_sim.runs.virtual.time import EPOCH_UNIX_S
from fleet_sim.scenario.loading import load_scenario
from fleet_wire.contract.topics import TopicKind
from platform_probe.journal.entries import CarMessage, Entry, RecordWritten
from platform_probe.measure.probe import Probe
from platform_probe.store.schema import ATTEMPTS, COMPLAINTS, DIAGNOSES, INCIDENTS, STRAY_ANSWERS
from tests.helpers.stores import put_lines, writer_of

_WRITTEN = (ATTEMPTS, STRAY_ANSWERS, COMPLAINTS, DIAGNOSES, INCIDENTS)
"""What a run writes itself, in the lines of a store."""


class StoredRun(NamedTuple):
    """What has become of one."""

    store: Path
    states: list[State]
    """Each state that the monitor heard, as its profile read it, in order."""


class State(NamedTuple):
    """What a car said of its lock, door and battery; None: nothing."""

    vehicle_id: str
    is_locked: bool | None
    is_open: bool | None
    voltage_v: float | None


class _Run(VirtualRun):
    """A run of which a store hears what its monitor hears."""

    store: Path
    states: list[State]

    def _make_probe(self, stack: ExitStack) -> Probe:
        self._writer = stack.enter_context(writer_of(self.store))
        return super()._make_probe(stack)

    def _journal_entry(self, entry: Entry) -> None:
        super()._journal_entry(entry)
        if isinstance(entry, RecordWritten):
            return  # the run's own files have it
        if isinstance(entry, CarMessage) and entry.kind is TopicKind.STATE:
            said = entry.message
            self.states.append(
                State(entry.vehicle_id, said.is_locked, said.is_open, said.voltage_v)
            )
        self._writer.add(msgspec.structs.replace(entry, at=entry.at + EPOCH_UNIX_S))


def run_with_store(scenario: Path, directory: Path) -> StoredRun:
    """Run a scenario in virtual time into `directory`; its store has all that a monitor's has."""
    loaded = load_scenario(scenario)
    seed = loaded.seed or 0
    run = _Run(
        loaded,
        ScenarioSource(scenario),
        RunDirectory.create(directory, scenario_name=directory.name, seed=seed),
        VirtualOptions(seed=seed, with_report=False),
        progress_on(Console(file=io.StringIO())),
    )
    run.store, run.states = directory / "store", []
    run.run()
    for table in _WRITTEN:
        written = directory / table.run_file
        if written.exists():
            put_lines(run.store, table.name, written.read_bytes().splitlines())
    return StoredRun(run.store, run.states)
