"""Faults between the box and the broker: coverage and the carrier."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from fleet_sim.distributions import Delay, Uniform
from fleet_sim.faults.registry import Fault, FaultProcess, Injection, register

if TYPE_CHECKING:  # boxes know nothing of faults, nor does loading a scenario need boxes
    from fleet_sim.box import Box


@register
class NoCoverageGarage(Fault):
    """Catalogue 1: the car stands underground, the modem has no registration."""

    name: ClassVar[str] = "no_coverage_garage"
    summary: ClassVar[str] = "no radio coverage where the car is parked; the box falls silent"

    probability: float = Field(
        1.0, ge=0, le=1, description="chance that a targeted car has no coverage at its place"
    )
    episode: Delay = Field(
        Uniform(base_s=300.0, spread_s=3300.0),
        description="how long a car stays there, 5 to 60 minutes; it ends with the window at most",
    )

    def process(self, injection: Injection) -> FaultProcess:
        """Take coverage from each car at the opening, and give it back when its episode ends."""
        for box in injection.boxes:
            stream = injection.stream_of(box.vehicle_id)
            if stream.uniform() < self.probability:
                stay_s = min(self.episode.sample_s(stream), injection.duration_s)
                injection.env.process(_without_coverage(injection, box, stay_s))
        yield injection.env.timeout(injection.duration_s)


@register
class RegionalCarrierOutage(Fault):
    """Catalogue 11: the core network of one operator is down in a region, then all return."""

    name: ClassVar[str] = "regional_carrier_outage"
    summary: ClassVar[str] = "an operator's network is down: last wills in a wave, then a storm"

    return_spread_s: float = Field(
        0.0, ge=0, description="cells come back over this time after the window, uniformly"
    )

    def process(self, injection: Injection) -> FaultProcess:
        """Take the network from all cars at once, and give it back."""
        for box in injection.boxes:
            stream = injection.stream_of(box.vehicle_id)
            outage_s = injection.duration_s + stream.between(0.0, self.return_spread_s)
            injection.env.process(_without_coverage(injection, box, outage_s))
        yield injection.env.timeout(injection.duration_s)


def _without_coverage(injection: Injection, box: Box, duration_s: float) -> FaultProcess:
    box.modem.lose_coverage()
    yield injection.env.timeout(duration_s)
    box.modem.regain_coverage()
