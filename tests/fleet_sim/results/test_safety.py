"""Tests of `fleet_sim.results.safety`."""

from __future__ import annotations

from fleet_sim.platform.safety import FindingKind
from fleet_sim.results.safety import NOTES, HitLine, faults_behind

HITS = [
    HitLine("by_command", "car-1", 5.0, command_id="c1"),
    HitLine("by_time", "car-0", 10.0, until_s=20.0),
    HitLine("on_nothing", "car-0", 15.0),
]


def test_which_faults_were_at_work() -> None:
    """On the command, wherever; or on the car at that time. The kinds are those of the watch."""
    assert list(NOTES) == [kind.value for kind in FindingKind]
    finding = {"vehicle_id": "car-0", "command_id": "c1", "at_s": 15.0}
    assert faults_behind(finding, HITS) == ["by_command", "by_time"]
    assert faults_behind({**finding, "command_id": "c2"}, HITS) == ["by_time"]
    assert faults_behind({**finding, "command_id": None, "at_s": 21.0}, HITS) == []
