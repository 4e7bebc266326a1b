"""An outage of half a region, from its first minute until an hour after its end.

Half of the cars in the north use the operator that is down. Four in five cars run one firmware,
which has nothing to do with it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fleet_sim.scenario.form import Scenario
from tests.helpers.inhibition import heard
from tests.helpers.judged import firings, pages, told
from tests.helpers.watched_fleet import WatchedFleet

pytestmark = pytest.mark.long

BEGINS_S = 1_800.0
ENDS_S = BEGINS_S + 900.0
LIVES_S = ENDS_S + 3_600.0
SOON_S = 180.0
SCRAPE_S = 30.0
NAMED = {"RegionFails", "OperatorFails", "BoxesGoOffline", "BoxesReconnect"}


def half_a_region_down() -> Scenario:
    """Return 400 cars in four regions with a customer every two seconds."""
    groups: list[dict[str, Any]] = [
        {
            "name": f"{region}-{operator}-{firmware}",
            "count": count,
            "region": region,
            "operator": operator,
            "firmware": firmware,
        }
        for region in ("north", "south", "east", "west")
        for operator in ("operator-a", "operator-b")
        for firmware, count in (("2.4.1", 40), ("2.5.0", 10))
    ]
    return Scenario.model_validate(
        {
            "description": "an operator is down in one region",
            "fleet": {"groups": groups},
            "load": {
                "stages": [{"kind": "poisson", "rate_per_s": 0.5, "duration_s": LIVES_S}],
                "command_ttl_s": 15.0,
            },
            "faults": [
                {
                    "name": "regional_carrier_outage",
                    "target": {"region": "north", "operator": "operator-a"},
                    "window": {"start_s": BEGINS_S, "end_s": ENDS_S},
                }
            ],
        }
    )


@pytest.mark.prometheus
def test_pages_name_place_and_cause_and_accuse_nobody_else(tmp_path: Path) -> None:
    """The first within three minutes: customers of that half give up after 20 s.

    The firmware that most cars run is not accused, during the outage or after it. Whenever the
    budget burns, a page with the place fires too and silences it; then all end.
    """
    fleet = WatchedFleet(half_a_region_down(), seed=1, scrape_s=SCRAPE_S)
    fleet.add_monitor("monitor")
    fleet.begin()
    fleet.run(LIVES_S)
    woken = firings(fleet.scrapes, tmp_path, names=pages(), every_s=SCRAPE_S)
    first = min(woken, key=lambda page: page.at_s)
    assert BEGINS_S < first.at_s <= BEGINS_S + SOON_S, told(woken)
    assert first.title == "Unlocks (customer) fail in region north: mostly box_silent"
    assert {page.name for page in woken} - NAMED <= {"UnlockBudgetBurn1h"}, told(woken)
    assert {page.labels["region"] for page in woken if "region" in page.labels} == {"north"}
    operators = {page.labels["operator"] for page in woken if "operator" in page.labels}
    assert operators <= {"operator-a"}
    assert {page.name for page in heard(woken)} <= NAMED, told(heard(woken))
    assert max(page.at_s for page in woken) < ENDS_S + 1_800.0, told(woken)
