"""Live and virtual time agree: the same scenarios in both modes, against a private mosquitto."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from statistics import median
from typing import NamedTuple

import pytest

from fleet_sim.results.expectations import value_at
from fleet_wire.contract.attempt import Attempt, Stage
from fleet_wire.contract.causes import Cause, Outcome
from tests.helpers.agreement import (
    NEAR_S,
    allowed,
    attempts_of,
    disagreements,
    ks_critical,
    ks_distance,
)
from tests.helpers.commands import finish, start, summary, write_scenario
from tests.helpers.own_commands import run_here

pytestmark = pytest.mark.long

LOAD = """\
load:
  stages: [{kind: poisson, rate_per_s: 9, duration_s: 22}]
  double_taps: 0.05
  deadline_s: 10
"""
SCENARIOS = {
    "quiet": f"""\
description: Nothing is broken, and heartbeats keep half of the radios awake.
seed: 21
fleet:
  groups: [{{name: street, count: 150, box: {{heartbeat_s: 20}}}}]
{LOAD}""",
    "garage": f"""\
description: Cars lose coverage; of some the broker notices it by keepalive.
seed: 22
fleet:
  groups:
    - {{name: street, count: 80}}
    - {{name: garage, count: 50, site: garage}}
    - {{name: watched, count: 50, site: garage, box: {{keepalive_s: 5}}}}
{LOAD}
faults: [{{name: no_coverage_garage, target: {{site: garage}}, window: {{start_s: 4, end_s: 31}}}}]
""",
    "outage": f"""\
description: A carrier is down for a while; then all of its boxes come back.
seed: 23
fleet:
  groups:
    - name: north
      count: 100
      operator: a
      box: {{keepalive_s: 5, network_loss_s: 5, network_stable: {{base_s: 2, spread_s: 3}}}}
    - {{name: south, count: 80, operator: b}}
{LOAD}
faults:
  - {{name: regional_carrier_outage, target: {{operator: a}}, window: {{start_s: 4, end_s: 15}}}}
""",
    "asleep": f"""\
description: Half of the boxes sleep, and an SMS must wake them.
seed: 24
fleet:
  groups:
    - name: car
      count: 150
      box:
        asleep_share: 0.5
        sms_loss: 0.1
        sms_wake: {{median_s: 1, sigma: 0.8}}
        modem_resume: {{base_s: 1, spread_s: 2}}
{LOAD}""",
    "lossy": f"""\
description: Final answers get lost, and some clocks are wrong.
seed: 25
fleet:
  groups:
    - {{name: car, count: 120, firmware: "1.0"}}
    - {{name: wrong, count: 60, firmware: "0.9"}}
{LOAD}
faults:
  - {{name: ack_lost_executed, window: {{start_s: 0, end_s: 32}}, parameters: {{loss: 0.2}}}}
  - name: expired_by_skewed_box_clock
    target: {{firmware: "0.9"}}
    window: {{start_s: 5, end_s: 32}}
""",
}
SEEN = {
    "quiet": {None, Cause.BOX_BUSY},
    "garage": {None, Cause.BOX_SILENT, Cause.BOX_OFFLINE},
    "outage": {None, Cause.BOX_OFFLINE, Cause.EXECUTION_SILENT},
    "asleep": {None, Cause.BOX_ASLEEP},
    "lossy": {None, Cause.RESULT_LOST, Cause.BOX_SAYS_EXPIRED},
}
"""What must come up in a scenario, so that there is something to compare."""
MODEL_HOPS = (Stage.BOX_RECEIVED, Stage.BOX_EXECUTED)
"""Hops that the model makes: their distributions are compared."""
STACK_HOPS = (Stage.PUBLISHED, Stage.BROKER_ACCEPTED, Stage.RESULT_RECEIVED, Stage.STATE_CHANGED)
"""Hops that the stack makes: nothing of them is drawn, so their medians are compared."""


TRIES = 3

IN_BOTH_MODES = [pytest.param(name, marks=pytest.mark.broker) for name in SCENARIOS]


class Runs(NamedTuple):
    """One scenario, run in both modes."""

    live: Path
    virtual: Path
    slowest_s: float = 0.0
    """What a null box needed at most while all scenarios ran live: so slow was the machine."""

    @property
    def pairs(self) -> list[tuple[Attempt, Attempt]]:
        """Return each unlock as it was live and as it was in virtual time."""
        return list(zip(attempts_of(self.live), attempts_of(self.virtual), strict=True))

    @property
    def near_s(self) -> float:
        """Return how far the machine may have set latencies apart: command and answer are late."""
        return NEAR_S + 2 * self.slowest_s

    @property
    def agree(self) -> bool:
        """Whether no more unlocks ended otherwise than timing can flip."""
        return len(disagreements(self.pairs, self.near_s)) <= allowed(len(self.pairs), self.near_s)

    def opened(self) -> tuple[list[Attempt], list[Attempt]]:
        """Return the unlocks that went well, live and in virtual time."""
        live, virtual = (
            [attempt for attempt in attempts_of(path) if attempt.outcome is Outcome.OK]
            for path in (self.live, self.virtual)
        )
        return live, virtual


@pytest.fixture(scope="module")
def all_runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Runs]:
    """Run every scenario in both modes; those that disagree again, three times at most.

    Radios and heartbeats go by how long a box has been there. A busy machine delays connections by
    seconds that nothing records, and not twice alike; a wrong model disagrees each time.
    """
    runs = run_all(tmp_path_factory, [*SCENARIOS])
    for _ in range(TRIES - 1):
        again = [name for name, each in runs.items() if not each.agree]
        runs |= run_all(tmp_path_factory, again) if again else {}
    return runs


def run_all(tmp_path_factory: pytest.TempPathFactory, names: list[str]) -> dict[str, Runs]:
    """Run scenarios live, all at once (they mostly wait), and each again in virtual time."""
    directories = {name: tmp_path_factory.mktemp(name) for name in names}
    processes = {
        name: start(
            *("fleet_sim", "run", write_scenario(directory, SCENARIOS[name])),
            *("--private-broker", "mosquitto", "--listen", "127.0.0.1:0"),
            *("--out", directory / "live"),
        )
        for name, directory in directories.items()
    }
    ends = {name: finish(process) for name, process in processes.items()}
    for code, stdout, stderr in ends.values():
        assert code == 0, stdout + stderr
    lives = {name: directory / "live" for name, directory in directories.items()}
    slowest_s = max(value_at(summary(live), "floor.p99_s") for live in lives.values())
    runs: dict[str, Runs] = {}
    for name, live in lives.items():
        runs[name] = Runs(live, live.with_name("virtual"), slowest_s)
        _run_virtual(live / "manifest.json", runs[name].virtual)
    return runs


def _run_virtual(scenario: Path, out: Path, *options: str) -> None:
    code, stdout, stderr = run_here(
        *("fleet_sim", "run", scenario, "--mode", "virtual", "--out", out), *options
    )
    assert code == 0, stdout + stderr


@pytest.fixture(params=IN_BOTH_MODES)
def runs(request: pytest.FixtureRequest, all_runs: dict[str, Runs]) -> Runs:
    """Return each scenario in turn."""
    return all_runs[request.param]


def test_the_same_cars_are_opened_at_the_same_seconds(runs: Runs) -> None:
    """The plan comes from the seed: 150 unlocks or more, each in both modes."""
    assert len(runs.pairs) >= 150
    for live, virtual in runs.pairs:
        assert (live.vehicle_id, live.scheduled_s) == (virtual.vehicle_id, virtual.scheduled_s)


def test_each_unlock_ends_alike(runs: Runs) -> None:
    """Same cause and same latency, but for the few that timing can flip."""
    different = disagreements(runs.pairs, runs.near_s)
    assert len(different) <= allowed(len(runs.pairs), runs.near_s), different


@pytest.mark.parametrize("name", IN_BOTH_MODES)
def test_what_a_scenario_is_about_comes_up(name: str, all_runs: dict[str, Runs]) -> None:
    """Neither mode agrees with the other on nothing."""
    for path in all_runs[name][:2]:
        seen = Counter(attempt.cause for attempt in attempts_of(path))
        assert SEEN[name] <= seen.keys()


def test_latencies_have_one_distribution(runs: Runs) -> None:
    """Kolmogorov and Smirnov cannot tell the unlocks that went well apart, at 1 %."""
    live, virtual = ([attempt.total_s for attempt in opened] for opened in runs.opened())
    assert ks_distance(live, virtual, runs.slowest_s) < ks_critical(len(live), len(virtual))


@pytest.mark.parametrize("stage", MODEL_HOPS)
def test_hops_of_the_model_have_one_distribution(stage: Stage, runs: Runs) -> None:
    """The same test for the hop into each stage that the model makes."""
    live, virtual = ([attempt.hops_s[stage] for attempt in opened] for opened in runs.opened())
    assert ks_distance(live, virtual, runs.slowest_s) < ks_critical(len(live), len(virtual))


@pytest.mark.parametrize("stage", STACK_HOPS)
def test_hops_of_the_stack_differ_by_less_than_the_floor(stage: Stage, runs: Runs) -> None:
    """An unlock of the null box is all the stack's hops, so one of them cannot be off by more."""
    live, virtual = ([attempt.hops_s[stage] for attempt in opened] for opened in runs.opened())
    assert abs(median(live) - median(virtual)) < runs.slowest_s


def test_the_hop_of_virtual_time_comes_from_the_live_floor(runs: Runs) -> None:
    """The null box takes as long in virtual time as it took live."""
    live_s, virtual_s = (
        value_at(summary(path), "floor.p50_s") for path in (runs.live, runs.virtual)
    )
    assert virtual_s == pytest.approx(live_s, rel=0.01)


def test_a_wrong_model_is_found_out(tmp_path: Path) -> None:
    """Paging that takes a second longer disagrees on most unlocks, and on the distribution."""
    right = write_scenario(tmp_path, SCENARIOS["quiet"])
    _run_virtual(right, tmp_path / "right")
    slower = "fleet.groups.street.box.radio.idle_rtt={base_s: 1.315, spread_s: 1.28}"
    _run_virtual(right, tmp_path / "wrong", "--set", slower)
    runs = Runs(tmp_path / "right", tmp_path / "wrong")
    assert len(disagreements(runs.pairs)) > 2 * allowed(len(runs.pairs))
    rights, wrongs = ([it.hops_s[Stage.BOX_RECEIVED] for it in opened] for opened in runs.opened())
    assert ks_distance(rights, wrongs) > ks_critical(len(rights), len(wrongs))
