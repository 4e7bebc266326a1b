"""Customers with a platform and a few cars, in virtual time."""

from __future__ import annotations

from typing import Any

from fleet_sim.cars.distributions import Uniform
from fleet_sim.customers.parameters import CustomerParameters, PhoneParameters
from fleet_sim.customers.population import Population
from fleet_sim.customers.records import Witnesses
from tests.helpers.platform_bench import PlatformBench

STEADY_PHONE = PhoneParameters(network=Uniform(base_s=0.05), loss=0.0)
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


def populate(
    bench: PlatformBench, parameters: CustomerParameters, times_s: list[float], **witnesses: Any
) -> Population:
    """Return customers of a platform and its cars, who come at given seconds of the load."""
    population = Population(
        bench.world,
        parameters,
        times_s=times_s,
        boxes=bench.fleet.boxes,
        platform=bench.platform,
        witnesses=Witnesses(called_support=bench.platform.handle_call, **witnesses),
    )
    population.start(bench.env.now)
    return population
