"""Customers beside boxes that are played alone: they rent these cars at a platform elsewhere."""

from __future__ import annotations

from fleet_sim.api.client import HttpPlatform
from fleet_sim.customers.population import Population
from fleet_sim.customers.records import Witnesses
from fleet_sim.results import readable
from fleet_sim.runs.live.fleet import LiveFleet
from fleet_sim.runs.rentals import population_of
from fleet_sim.scenario.form import Customers

NOBODY = Witnesses(
    record=lambda _event: None,
    told_open=lambda _customer, _vehicle, _command: None,
    told_locked=lambda _customer, _vehicle, _command: None,
    called_support=lambda _call: None,
)
"""Customers' experience is not recorded: the monitor has to find it out."""


class Renters:
    """The customers of a scenario, who ask the platform at `url` for the cars of `fleet`.

    Make it where the event loop runs.
    """

    def __init__(self, customers: Customers, fleet: LiveFleet, url: str) -> None:
        self._driver = fleet.driver
        self._platform = HttpPlatform(url, present=fleet.driver.present)
        self._population: Population = population_of(customers, fleet.fleet, self._platform, NOBODY)

    def start(self, begin_s: float) -> None:
        """Start the arrivals, which count from a simulated second."""
        with self._driver.present():
            self._population.start(begin_s)

    def state(self) -> str:
        """Return how many customers there have been, in words."""
        unanswered = self._platform.unanswered
        return f"{readable.number_of(self._population.come, 'customer')}" + (
            f", {readable.number_of(unanswered, 'request')} unanswered" if unanswered else ""
        )

    async def close(self) -> None:
        """Hang up on all that is under way."""
        await self._platform.close()
