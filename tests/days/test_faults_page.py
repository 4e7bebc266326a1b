"""Each fault of the catalogue, on a tenth of a fleet with customers, wakes somebody.

What stands on the phone first names the place: the region, operator, firmware or hardware that was
struck. Nobody was woken before, and no other place is accused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from fleet_sim.faults import FAULTS
from fleet_sim.scenario.form import Scenario
from tests.helpers.judged import Firing, firings, pages, told
from tests.helpers.watched_fleet import Synthetic, WatchedFleet

pytestmark = pytest.mark.long

REGIONS = 10
CARS_EACH = 40
CUSTOMERS_PER_H = 600.0
"""A car and a half per hour: the evening of a busy city."""
SYNTHETIC_PER_S = 0.05
BEGINS_S = 300.0
SCRAPE_S = 30.0

REGION = {"region": "harbour"}
OPERATOR = {"operator": "operator-c"}
FIRMWARE = {"firmware": "2.5.0"}
HARDWARE = {"hardware": "tcu-2"}
"""Each is a tenth of the cars, and says nothing about the other three."""


@dataclass(frozen=True, slots=True)
class Case:
    """One fault, whom it strikes, and how soon somebody must know."""

    fault: str
    target: dict[str, str]
    within_min: int
    """As many minutes after its beginning somebody is woken, at the latest."""
    parameters: dict[str, Any] = field(default_factory=dict)
    command_ttl_s: float = 15.0
    deadline_s: float = 20.0
    asleep_share: float = 0.0
    """Of the boxes that it strikes."""

    @property
    def place(self) -> str:
        """What must stand in the title."""
        (value,) = self.target.values()
        return value

    def scenario(self) -> Scenario:
        """Return the fleet, its customers and the fault."""
        duration_s = BEGINS_S + self.within_min * 60.0
        rate_per_s = CUSTOMERS_PER_H / 3600.0
        stage = {"kind": "poisson", "rate_per_s": rate_per_s, "duration_s": duration_s}
        lives = {"deadline_s": self.deadline_s, "command_ttl_s": self.command_ttl_s}
        fault = {
            "name": self.fault,
            "target": self.target,
            "window": {"start_s": BEGINS_S, "end_s": duration_s + 3600.0},
            "parameters": self.parameters,
        }
        return Scenario.model_validate(
            {
                "description": self.fault,
                "fleet": {"groups": list(self._groups())},
                "load": {"stages": [stage], **lives},
                "faults": [fault],
            }
        )

    def _groups(self) -> Iterator[dict[str, Any]]:
        usual = {"operator": "operator-a", "firmware": "2.4.1", "hardware": "tcu-3"}
        tenth = CARS_EACH // 10
        for number in range(REGIONS):
            region = "harbour" if number == 0 else f"district-{number}"
            odd = (OPERATOR, FIRMWARE, HARDWARE)
            for traits in ({}, *odd):
                group = {"region": region, **usual, **traits}
                is_struck = self.target.items() <= group.items()
                yield {
                    **group,
                    "name": f"{region}-{'-'.join(traits.values()) or 'usual'}",
                    "count": tenth if traits else CARS_EACH - len(odd) * tenth,
                    "box": {"asleep_share": self.asleep_share if is_struck else 0.0},
                }


CASES = (
    # In the field 1 to 3 % of answers are lost: within the budget, on a tenth of a fleet.
    Case("ack_lost_executed", REGION, 30, parameters={"loss": 0.5}),
    Case("bad_firmware_cohort", FIRMWARE, 15),
    Case("can_bus_asleep_no_ack", HARDWARE, 35),
    Case("client_id_takeover", REGION, 3),
    Case("deep_sleep_modem_off", REGION, 15),
    Case("expired_by_skewed_box_clock", REGION, 15),
    Case("half_open_tcp_nat", REGION, 6),
    Case("late_delivery_persistent_session", REGION, 8, command_ttl_s=3600.0),
    Case("no_coverage_garage", REGION, 8),
    Case("one_way_downlink", REGION, 15),
    Case("queue_full_drop", REGION, 4),
    Case("reconnect_storm", REGION, 4),
    Case("regional_carrier_outage", OPERATOR, 15),
    Case("sms_wake_lost", OPERATOR, 15, deadline_s=40.0, asleep_share=1.0),
    Case("undervoltage_cutout", REGION, 34),
)


def woken_by(case: Case, directory: Path, *, seed: int = 1) -> list[Firing]:
    """Return every page at every scrape, from when the fleet was still healthy."""
    fleet = WatchedFleet(case.scenario(), seed=seed, scrape_s=SCRAPE_S)
    synthetic = Synthetic(rate_per_s=SYNTHETIC_PER_S, vehicles=tuple(fleet.vehicle_ids))
    fleet.add_monitor("monitor", synthetic)
    fleet.begin()
    fleet.run(BEGINS_S + case.within_min * 60.0 + SCRAPE_S)
    return firings(fleet.scrapes, directory, names=pages(), every_s=SCRAPE_S)


TRAITS = ("region", "operator", "firmware", "hardware")
LONGEST_TITLE = 120
"""Letters that a phone shows of a notification, in two or three lines."""


def test_each_case_is_of_another_fault() -> None:
    """A fault may be added without one, until it is known whom it should wake."""
    faults = [case.fault for case in CASES]
    assert len(set(faults)) == len(faults) >= 15
    assert set(faults) <= set(FAULTS)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.fault)
@pytest.mark.prometheus
def test_it_wakes_somebody_and_says_where(case: Case, tmp_path: Path) -> None:
    """Within the stated time, by a title with the place; the first page of all is one of these."""
    pages = woken_by(case, tmp_path)
    said = "\n".join(told(pages))
    named = [page for page in pages if case.place in page.title]
    assert named, f"nobody was told {case.place}:\n{said}"
    first_s = min(page.at_s for page in pages)
    assert min(page.at_s for page in named) == first_s >= BEGINS_S, said
    places = {page.labels[trait] for page in pages for trait in TRAITS if trait in page.labels}
    assert places == {case.place}, said
    assert all(len(page.title) <= LONGEST_TITLE for page in pages), said
