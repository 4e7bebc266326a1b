"""Towns in which something is to be noticed, and the figures of what was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from bench.score.detection import IncidentOutcome, notice, noticed_incidents, quiet_day
from bench.score.detection_figures import figures_of, table_of
from bench.score.incidents import Incident, scored_faults
from bench.score.towns import town_of
from fleet_sim.scenario.loading import load_scenario


def noticed(number: int, **changes: Any) -> IncidentOutcome:
    """Return an incident that was found 40 s after its first hit, 20 s before the first call."""
    fields: dict[str, Any] = {
        "incident": f"dns_failure/{number}", "faults": ("dns_failure",), "harmed": 5,
        "first_hit_at": 100.0, "knowable_at": 130.0, "opened_at": 140.0, "first_call_at": 160.0,
        "bound": 4, "unlocks": 6, "opened": 1, "is_right": True,
    }  # fmt: skip
    return IncidentOutcome(**(fields | changes))


def test_every_mode_strikes_many_in_a_town_that_can_be_loaded(tmp_path: Path) -> None:
    """The first entries are the incident, and none of them strikes a single car."""
    incidents = noticed_incidents(3, 1)
    assert [one.faults for one in incidents[:-1]] == [(name,) for name in scored_faults()]
    for one in incidents[:: len(incidents) // 12]:
        town = town_of(one)
        file = tmp_path / "town.yaml"
        file.write_bytes(msgspec.json.encode(town.scenario))
        scenario = load_scenario(file, [])
        assert town.entries == (1 if one.faults else 0) or one.faults == ("retained_command",)
        assert all(len(each.target.ids or "ab") > 1 for each in scenario.faults[: town.entries])


@pytest.mark.long
def test_a_bad_release_is_noticed_before_anybody_calls() -> None:
    """One run, with its monitor started anew in the middle."""
    found = notice(Incident(("bad_firmware_cohort",), 12, is_of_many=True))
    assert found.error is None
    assert found.harmed >= 5
    assert (found.opened, found.is_right) == (1, True)
    assert found.opened_at is not None
    assert found.first_call_at is not None
    assert found.opened_at < found.first_call_at


def test_the_figures_count_what_could_be_known() -> None:
    """What was called in before is counted apart, whether it was found in time or not."""
    figures = figures_of(
        [
            noticed(1),
            noticed(2, opened_at=170.0),
            noticed(3, knowable_at=165.0, opened_at=170.0),
            noticed(4, knowable_at=165.0),
            noticed(5, opened_at=None, opened=0, unlocks=None, first_call_at=None),
            noticed(6, harmed=4, opened=2),
        ]
    )
    assert figures["before_first_call"] == 0.5
    assert figures["before_first_call_of_all"] == 0.5
    assert figures["runs"]["called_before_it_could_be_known"] == 2
    assert figures["runs"]["of_these_told_before"] == 1
    assert figures["found"] == 0.8
    assert figures["messages_per_problem"] == 1.2
    assert figures["late"] == ["dns_failure/2"]
    assert figures["not_found"] == ["dns_failure/5"]
    (row,) = [line for line in table_of(figures) if line.startswith("dns_failure")]
    assert row.split()[1:4] == ["5", "4", "4"]


def test_quiet_hours_bring_nothing() -> None:
    """Of the whole model, with a restart of the monitor."""
    day = quiet_day(1, hours=4)
    assert (day.error, day.titles) == (None, ())
    assert day.unlocks > 20
