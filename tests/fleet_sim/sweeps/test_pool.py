"""Runs in processes: whose death costs what."""

from __future__ import annotations

import multiprocessing
import os
import signal
from contextlib import closing

import msgspec
import pytest

from fleet_sim.sweeps import pool as sweep_pool
from fleet_sim.sweeps.point import Task, failed
from fleet_sim.sweeps.pool import KILLED, run_here
from fleet_wire.errors import UnlockpathError
from tests.helpers.sweeps import task

DEADLY, UNFIT = 3, 4


def pretend(one: Task) -> bytes:
    """Stand in for a run: seed 3 kills its process."""
    if one.seed == DEADLY:
        os.kill(os.getpid(), signal.SIGKILL)
    return msgspec.json.encode(failed(one, "pretended"))


def refuse(one: Task) -> bytes:
    """Stand in for a run on a machine that cannot do it."""
    raise UnlockpathError(f"no room for seed {one.seed}")


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_run_that_kills_its_process_fails_alone(
    monkeypatch: pytest.MonkeyPatch, jobs: int
) -> None:
    """Those that were under way beside it are done again; every run has one record."""
    monkeypatch.setattr(sweep_pool, "run_task", pretend)
    records = [*run_here([task(seed) for seed in range(1, 7)], jobs=jobs)]
    errors = {record.seed: record.error for record in records}
    assert len(records) == 6
    assert errors == {seed: KILLED if seed == DEADLY else "pretended" for seed in range(1, 7)}


def test_a_machine_that_cannot_do_it_ends_the_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error is the worker's own, and no process is left."""
    monkeypatch.setattr(sweep_pool, "run_task", refuse)
    with pytest.raises(UnlockpathError, match="no room for seed 1"):
        [*run_here([task(1), task(2)], jobs=1)]
    assert not multiprocessing.active_children()


def test_who_stops_reading_leaves_no_process() -> None:
    """As after Ctrl-C: what is under way is killed."""
    with closing(run_here([task(seed) for seed in range(1, 9)], jobs=2)) as records:
        assert next(records).error is None
        assert multiprocessing.active_children()
    assert not multiprocessing.active_children()
