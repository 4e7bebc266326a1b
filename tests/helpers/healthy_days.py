"""Healthy fleets, day after day: what must wake nobody.

Healthy does not mean that nothing happens: boxes sleep and SMS get lost, cars stand in garages,
customers hardly come at night, monitors are restarted, and their connections blink.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fleet_sim.scenario.form import Scenario
from tests.helpers.judged import Firing, firings, pages
from tests.helpers.watched_fleet import GENERIC_SHARE, Synthetic, WatchedFleet

DAY_S = 86_400.0
HOUR_S = 3_600.0
SCRAPE_S = 60.0
EVERY_S = 120.0
"""Between two evaluations: the shortest window of a rule is five minutes."""
DAY_PROFILE = (
    *(0.05, 0.03, 0.02, 0.02, 0.03, 0.1), *(0.4, 0.9, 1.0, 0.7, 0.6, 0.6),
    *(0.7, 0.7, 0.6, 0.7, 0.9, 1.0), *(0.9, 0.8, 0.6, 0.4, 0.2, 0.1),
)  # fmt: skip
"""Customers in each hour of the day, as a share of the busiest [E]."""
RESTART_S = 45.0
"""How long a restarting monitor is away: an image is pulled, a pod is scheduled."""
BLINK_EVERY_S = 2 * HOUR_S + 7.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthyFleet:
    """A kind of fleet: how many cars stand where, who comes, and how long they wait."""

    name: str
    regions: dict[str, int]
    """Cars of each region."""
    busiest_per_h: float
    """Customers in the busiest hour."""
    asleep_share: float = 0.0
    deadline_s: float = 20.0
    synthetic_per_s: float = 0.02

    def scenario(self, days: float, *, from_hour: int = 0) -> Scenario:
        """Return the cars with customers for so many days."""
        hours = range(from_hour, from_hour + round(days * 24))
        rates = [self.busiest_per_h * DAY_PROFILE[hour % 24] / HOUR_S for hour in hours]
        load = {
            "stages": [
                {"kind": "poisson", "rate_per_s": rate, "duration_s": HOUR_S} for rate in rates
            ],
            "deadline_s": self.deadline_s,
            # A careful platform: no command opens a car in its customer's last seconds.
            "command_ttl_s": self.deadline_s - 5.0,
        }
        windows = [
            {"start_s": day * DAY_S, "end_s": (day + 1) * DAY_S}
            for day in range(max(round(days), 1))
        ]
        garage = {"name": "no_coverage_garage", "target": {"share": 0.02}}
        return Scenario.model_validate(
            {
                "description": self.name,
                "fleet": {"groups": list(self._groups())},
                "load": load,
                "faults": [{**garage, "window": window} for window in windows],
            }
        )

    def _groups(self) -> Iterator[dict[str, Any]]:
        """Yield each region in three parts: firmware and operator lie across the regions."""
        parts = (
            ("2.4.1", "operator-a", 0.5),
            ("2.4.1", "operator-b", 0.3),
            ("2.5.0", "operator-a", 0.2),
        )
        for region, cars in self.regions.items():
            for number, (firmware, operator, share) in enumerate(parts):
                yield {
                    "name": f"{region}-{number}",
                    "count": max(round(cars * share), 1),
                    "region": region,
                    "operator": operator,
                    "firmware": firmware,
                    "hardware": "tcu-3" if number else "tcu-2",
                    "box": {"asleep_share": self.asleep_share, "heartbeat_s": 900.0},
                }


CITY = HealthyFleet(
    name="city",
    regions={"north": 50, "south": 50, "centre": 40, "station": 20, "harbour": 20},
    busiest_per_h=120.0,
    asleep_share=0.02,
)
SLEEPERS = HealthyFleet(
    name="sleepers",
    regions={"airport": 60, "suburb": 60, "fair": 20},
    busiest_per_h=60.0,
    asleep_share=0.1,
    deadline_s=40.0,  # the app says that it takes a while, and its customers wait
)
VILLAGE = HealthyFleet(
    name="village",
    regions={"village": 10, "hamlet": 6, "mill": 14},
    busiest_per_h=12.0,
    asleep_share=0.05,
    synthetic_per_s=0.005,
)
FLEETS = (CITY, SLEEPERS, VILLAGE)


def lived(
    healthy: HealthyFleet,
    *,
    days: float,
    seed: int,
    from_hour: int = 0,
    generic_share: float = GENERIC_SHARE,
) -> WatchedFleet:
    """Return the fleet after so many days under two monitors, each restarted now and then.

    Of its platform's answers `generic_share` explain nothing.
    """
    scenario = healthy.scenario(days, from_hour=from_hour)
    fleet = WatchedFleet(scenario, seed=seed, scrape_s=SCRAPE_S)
    fleet.platform.generic_share = generic_share
    names = ("monitor-a", "monitor-b")
    synthetic = Synthetic(
        rate_per_s=healthy.synthetic_per_s / len(names), vehicles=tuple(fleet.vehicle_ids)
    )
    monitors = [fleet.add_monitor(name, synthetic) for name in names]
    fleet.begin()
    for day in range(round(days) + 1):
        monitor = monitors[day % 2]
        begins_s = day * DAY_S + (3.3 + 5 * day) % 24 * HOUR_S
        fleet.at(begins_s, monitor.stop)
        fleet.at(begins_s + RESTART_S, monitor.start)
    for number in range(int(days * DAY_S / BLINK_EVERY_S)):
        fleet.at((number + 1) * BLINK_EVERY_S, monitors[number % 2].blink)
    fleet.run(days * DAY_S)
    return fleet


def woken_by(fleet: WatchedFleet, directory: Path) -> list[Firing]:
    """Return what would have woken somebody."""
    return firings(fleet.scrapes, directory, names=pages(), every_s=EVERY_S)
