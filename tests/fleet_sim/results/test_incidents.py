"""Incidents of a run, counted."""

from __future__ import annotations

from fleet_sim.results.expectations import known_keys
from fleet_sim.results.incidents import IncidentLine, IncidentsTally
from tests.helpers.tallies import tallied


def line(incident_id: str, revision: int, state: str, mode: str | None = None) -> IncidentLine:
    """Return what is counted of a line."""
    return IncidentLine(incident_id, revision, "failures", "warning", state, mode)


def test_each_counts_as_its_last_revision_has_it() -> None:
    """Whatever order the lines have."""
    lines = [
        line("inc-1", 1, "open"),
        line("inc-1", 3, "resolved", "generic_500"),
        line("inc-1", 2, "open", "phone_side"),
        line("inc-2", 1, "open"),
    ]
    counted = tallied(IncidentsTally(), lines).as_json()
    assert (counted["count"], counted["revisions"]) == (2, 4)
    assert counted["by_state"] == {"open": 1, "resolved": 1, "closed": 0}
    assert counted["by_mode"]["generic_500"] == 1
    assert counted["by_mode"]["none"] == 1
    assert counted["by_mode"]["phone_side"] == 0
    assert {"incidents.count", "incidents.by_mode.generic_500"} <= {*known_keys()}
