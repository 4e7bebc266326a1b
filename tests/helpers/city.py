"""Customers with a platform and a few cars, in virtual time."""

from __future__ import annotations

from typing import Any

from fleet_sim.cars.distributions import Uniform
from fleet_sim.cars.parameters import BoxParameters
from fleet_sim.customers.parameters import CustomerParameters, PhoneParameters
from fleet_sim.customers.population import Population
from fleet_sim.customers.records import CustomerEvent, CustomerStep, Witnesses
from fleet_sim.platform.parameters import PlatformParameters
from tests.helpers.platform_bench import PlatformBench

STEADY_PHONE = PhoneParameters(network=Uniform(base_s=0.05), loss=0.0)
AWAITED_CAR = BoxParameters(door_opens=None)
STEADY = CustomerParameters(
    phone=STEADY_PHONE,
    walk=Uniform(base_s=10.0),
    presses_again=Uniform(base_s=12.0),
    reads=Uniform(base_s=2.0),
    patience=Uniform(base_s=60.0),
    opens_door=Uniform(base_s=3.0),
    tries_door=0.0,
    drive=Uniform(base_s=100.0),
    locks=Uniform(base_s=5.0),
    ends=Uniform(base_s=5.0),
    dials=Uniform(base_s=20.0),
)
"""Each step takes as long as it says, and nothing is lost."""


class City:
    """Customers who come at given seconds; a second is a second of load."""

    def __init__(
        self,
        times_s: list[float],
        *,
        cars: int = 2,
        box: BoxParameters = AWAITED_CAR,
        platform: PlatformParameters | None = None,
        seed: int = 1,
        **customers: Any,
    ) -> None:
        self.bench = PlatformBench(
            parameters=platform or PlatformParameters(), box=box, cars=cars, seed=seed
        )
        self.events: list[CustomerEvent] = []
        self.told_open: list[tuple[str, str, str | None]] = []
        self.told_locked: list[tuple[str, str, str | None]] = []
        self.population = Population(
            self.bench.world,
            STEADY.model_copy(update=customers),
            times_s=times_s,
            boxes=self.bench.fleet.boxes,
            platform=self.bench.platform,
            witnesses=Witnesses(
                record=self.events.append,
                told_open=lambda *what: self.told_open.append(what),
                told_locked=lambda *what: self.told_locked.append(what),
                called_support=self.bench.platform.handle_call,
            ),
        )
        self.population.start(self.bench.env.now)

    def let_pass(self, duration_s: float) -> None:
        """Let time pass."""
        self.bench.let_pass(duration_s)

    def steps(self, customer: int = 0) -> list[CustomerStep]:
        """Return what one customer did, in order."""
        return [each.step for each in self.of(customer)]

    def of(self, customer: int = 0, step: CustomerStep | None = None) -> list[CustomerEvent]:
        """Return the lines of one customer, of one step if it is named."""
        return [
            each
            for each in self.events
            if each.customer_id == f"customer-{customer:05d}" and step in (None, each.step)
        ]
