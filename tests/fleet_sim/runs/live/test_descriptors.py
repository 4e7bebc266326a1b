"""How many processes a fleet takes, and what is said where none would do."""

from __future__ import annotations

import re
import resource

import pytest

from fleet_sim.runs.live.spread import Spread
from fleet_wire.errors import LimitError


def allow(monkeypatch: pytest.MonkeyPatch, open_files: int) -> None:
    """Let a process here have so many open files."""
    monkeypatch.setattr(resource, "getrlimit", lambda _: (open_files, open_files))


def test_what_a_million_cars_take() -> None:
    """As docs/scale-reference.md has it; without a limit all are in one process, on one broker."""
    million = Spread(boxes=1_000_400, here=400)
    assert (million.processes_at(20_000), million.brokers_at(20_000)) == (51, 56)
    assert million.fits(20_000)
    unlimited = float("inf")
    assert (million.processes_at(unlimited), million.brokers_at(unlimited)) == (1, 1)
    assert million.fits(unlimited)


@pytest.mark.parametrize("processes", [1, 2, 150])
def test_processes_that_would_not_do_are_refused_with_those_that_would(
    monkeypatch: pytest.MonkeyPatch, processes: int
) -> None:
    """Too few for the boxes, and too many for the process that starts them."""
    allow(monkeypatch, 200)
    spread = Spread(boxes=1_000)
    with pytest.raises(LimitError, match=r"limit of a process here is 200: room for 100") as raised:
        spread.check(processes)
    cure = raised.value.cure
    instead, open_files = re.findall(r"--processes (\d+)|ulimit -Hn (\d+)", cure)
    spread.check(int(instead[0]))
    allow(monkeypatch, int(open_files[1]))
    spread.check(processes)
    allow(monkeypatch, int(open_files[1]) - 1)
    with pytest.raises(LimitError):
        spread.check(processes)


def test_links_to_many_brokers_take_descriptors_too() -> None:
    """What is spare in a process is enough for seventy of them."""
    assert Spread(boxes=900, brokers=70).processes_at(1_000) == 1
    assert Spread(boxes=900, brokers=71).processes_at(1_000) == 2
