"""Tests of `fleet_sim.results.safety`."""

from __future__ import annotations

from fleet_sim.platform.safety import FindingKind
from fleet_sim.results.safety import (
    NOTES,
    HitLine,
    SafetyFinding,
    SafetyTally,
    faults_behind,
    safety_in_words,
)
from fleet_sim.results.summary import empty_summary
from tests.helpers.tallies import tallied

HITS = [
    HitLine("by_command", "car-1", 5.0, command_id="c1"),
    HitLine("by_time", "car-0", 10.0, until_s=20.0),
    HitLine("on_nothing", "car-0", 15.0),
]


def test_counts_by_kind_and_those_that_nothing_explains() -> None:
    """Every kind of the watch has its key."""
    assert list(NOTES) == [kind.value for kind in FindingKind]
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


def test_safety_in_words() -> None:
    """What was found, and whether a fault explains it."""
    safe = {**empty_summary()["safety"], "movements": 16}
    assert safety_in_words(safe).startswith("16 movements of locks, each within")
    found = {**safe, "after_life": 2, "told_open": 1, "findings": 3, "unexplained": 1}
    assert safety_in_words(found) == (
        "16 movements of locks, and 2 moved after the life of their command; 1 said to be open, and"
        " not unlocked: no fault was at work on 1 of them."
    )
    assert "a fault was at work on each" in safety_in_words({**found, "unexplained": 0})
