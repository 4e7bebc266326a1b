"""Tests of `fleet_sim.results.safety`."""

from __future__ import annotations

from fleet_sim.platform.safety import FindingKind
from fleet_sim.results.safety import KINDS, HitLine, SafetyFinding, SafetyTally, faults_behind
from tests.helpers.tallies import tallied

HITS = [
    HitLine("by_command", "car-1", 5.0, command_id="c1"),
    HitLine("by_time", "car-0", 10.0, until_s=20.0),
    HitLine("on_nothing", "car-0", 15.0),
]


def test_the_kinds_are_those_of_the_watch() -> None:
    """Two rooms, one list."""
    assert list(KINDS) == [kind.value for kind in FindingKind]


def test_counts_by_kind_and_those_that_nothing_explains() -> None:
    """Every kind has its key."""
    found = tallied(
        SafetyTally(), [SafetyFinding("after_life", ("x",)), SafetyFinding("after_life")]
    ).as_json()
    assert found == {
        "after_life": 2, "after_booking": 0, "executed_twice": 0, "without_right": 0,
        "told_open": 0, "told_locked": 0, "findings": 2, "unexplained": 1,
    }  # fmt: skip


def test_which_faults_were_at_work() -> None:
    """On the command, wherever; or on the car at that time."""
    finding = {"vehicle_id": "car-0", "command_id": "c1", "at_s": 15.0}
    assert faults_behind(finding, HITS) == ["by_command", "by_time"]
    assert faults_behind({**finding, "command_id": "c2"}, HITS) == ["by_time"]
    assert faults_behind({**finding, "command_id": None, "at_s": 21.0}, HITS) == []
