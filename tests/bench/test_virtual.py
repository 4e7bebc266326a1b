"""The bench of virtual time runs, and tells what it measured."""

from __future__ import annotations

import pytest

from bench.virtual import VirtualPlan, measure_virtual, render_virtual
from bench.virtual_shares import PLACES
from tests.helpers.places import ROOT

pytestmark = pytest.mark.long

PACKAGES = ("fleet_wire", "fleet_sim", "platform_probe")


def test_every_size_is_measured_and_profiled() -> None:
    """Thirty cars for six hours open about thirty times; the shares of the profile are whole."""
    plan = VirtualPlan(sizes=((10, 6.0), (30, 6.0)), profiled=(30, 0.5), rounds=1)
    results = measure_virtual(plan)
    assert [[run.cars for run in rounds] for rounds in results.runs] == [[10], [30]]
    run = results.runs[1][0]
    assert 10 < run.unlocks < 60
    assert run.ok_share > 0.8
    assert run.events > run.packets
    assert run.packets > 30 * 6 * 12  # a heartbeat every 300 s
    assert sum(results.profiled.shares.values()) == pytest.approx(1.0)
    assert {"clock and timers", "broker model", "box", "probe"} <= results.profiled.shares.keys()
    assert "customers and platform" in render_virtual(results)


def test_every_place_is_there_and_counts_once() -> None:
    """A share does not lose a module that has moved, and no two have the same one."""
    paths = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    modules = {".".join(path.relative_to(ROOT).with_suffix("").parts) for path in paths}
    rooms = {module.removesuffix(".__init__") for module in modules}
    places = [place for share in PLACES.values() for place in share]
    ours = {place for place in places if place.startswith(PACKAGES)}
    assert ours - modules - rooms == set()
    assert len(places) == len(set(places))
