"""An outage of one operator of two, in both regions of a small fleet, from start to end.

Sixty cars, and a synthetic unlock every two seconds. One page is enough, and afterwards nothing
hides what is new.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet_sim.scenario.form import Scenario
from tests.helpers.inhibition import heard
from tests.helpers.judged import Firing, firings, pages, told
from tests.helpers.watched_fleet import Synthetic, WatchedFleet

pytestmark = pytest.mark.long

BEGINS_S = 900.0
ENDS_S = BEGINS_S + 360.0
LIVES_S = ENDS_S + 1_200.0
OVER_S = 450.0
"""After its end: a deadline, five minutes of look-back, and two for which an accusation is kept."""
SCRAPE_S = 15.0


def operator_down() -> Scenario:
    """Return two regions with both operators, and hardly a customer."""
    return Scenario.model_validate(
        {
            "description": "one of two operators is down",
            "fleet": {
                "groups": [
                    {
                        "name": f"{region}-{operator}",
                        "count": cars,
                        "region": region,
                        "operator": operator,
                        "box": {"keepalive_s": 30},
                    }
                    for region in ("north", "south")
                    for operator, cars in (("operator-a", 13), ("operator-b", 17))
                ]
            },
            "load": {
                "stages": [{"kind": "poisson", "rate_per_s": 0.001, "duration_s": LIVES_S}],
                "command_ttl_s": 15.0,
            },
            "faults": [
                {
                    "name": "regional_carrier_outage",
                    "target": {"operator": "operator-b"},
                    "window": {"start_s": BEGINS_S, "end_s": ENDS_S},
                }
            ],
        }
    )


@pytest.fixture(scope="module")
def woken(tmp_path_factory: pytest.TempPathFactory) -> list[Firing]:
    """Return every page of it."""
    fleet = WatchedFleet(operator_down(), seed=1, scrape_s=SCRAPE_S)
    fleet.add_monitor("monitor", Synthetic(rate_per_s=0.5, vehicles=tuple(fleet.vehicle_ids)))
    fleet.begin()
    fleet.run(LIVES_S)
    directory: Path = tmp_path_factory.mktemp("an_operator")
    return firings(fleet.scrapes, directory, names=pages(), every_s=SCRAPE_S)


@pytest.mark.prometheus
def test_one_page_names_the_operator(woken: list[Firing]) -> None:
    """In both regions boxes go and come back; who is woken reads the operator, once."""
    assert {"BoxesGoOffline", "BoxesReconnect"} <= {page.name for page in woken}, told(woken)
    pages_heard = {(page.name, page.labels.get("operator")) for page in heard(woken)}
    assert pages_heard == {("OperatorFails", "operator-b")}, told(heard(woken))


@pytest.mark.prometheus
def test_nothing_is_left_that_could_hide_something(woken: list[Firing]) -> None:
    """Soon after the end no page of it fires any more."""
    assert max(page.at_s for page in woken) <= ENDS_S + OVER_S, told(woken)
