"""Faults between the box and the broker: coverage, the carrier, NAT, SMS."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from fleet_sim.cars.distributions import Delay, Uniform
from fleet_sim.cars.troubles import Chance, in_force
from fleet_sim.faults.registry import Fault, FaultProcess, Injection, register
from fleet_wire.randomness import RandomStream

if TYPE_CHECKING:  # see registry
    from fleet_sim.cars.box import Box


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

        def park(box: Box, stream: RandomStream) -> FaultProcess:
            if stream.uniform() < self.probability:
                box.modem.lose_coverage()
                stay_s = min(self.episode.sample_s(stream), injection.duration_s)
                yield injection.env.timeout(stay_s)
                box.modem.regain_coverage()

        return injection.each_box(park)


@register
class OneWayDownlink(Fault):
    """Catalogue 2: heartbeats keep coming while every command dies."""

    name: ClassVar[str] = "one_way_downlink"
    summary: ClassVar[str] = "the car still reports, but nothing reaches it until it reattaches"

    episode: Delay = Field(
        Uniform(base_s=60.0, spread_s=1740.0),
        description="how long it lasts, 1 to 30 minutes [E]; it ends with the window at most",
    )

    def process(self, injection: Injection) -> FaultProcess:
        """Cut the way down of each car at the opening; a reattach mends it."""

        def cut(box: Box, stream: RandomStream) -> FaultProcess:
            box.modem.cut_downlink()
            yield injection.env.timeout(min(self.episode.sample_s(stream), injection.duration_s))
            box.modem.restore_downlink()

        return injection.each_box(cut)


@register
class HalfOpenTcpNat(Fault):
    """Catalogue 3: the carrier's NAT forgets the connection, and tells neither end."""

    name: ClassVar[str] = "half_open_tcp_nat"
    summary: ClassVar[str] = (
        "NAT dropped the connection; both ends believe in it until a ping fails"
    )

    ping_timeout_s: float = Field(
        10.0, ge=0, description="how long the box waits for an answer to its keepalive ping [E]"
    )

    def process(self, injection: Injection) -> FaultProcess:
        """Drop the NAT entry at the opening; each box notices at its next keepalive ping."""
        for box in injection.boxes:
            keepalive_s = box.spec.parameters.keepalive_s
            until_ping_s = injection.stream_of(box.vehicle_id).between(0.0, keepalive_s)
            box.modem.lose_nat_entry(until_ping_s + self.ping_timeout_s)
        yield injection.env.timeout(injection.duration_s)


@register
class SmsWakeLost(Fault):
    """Catalogue 7: the wake SMS is lost in the operator's network."""

    name: ClassVar[str] = "sms_wake_lost"
    summary: ClassVar[str] = "wake SMS are lost, so sleeping boxes stay asleep"

    loss: float = Field(
        1.0, ge=0, le=1,
        description="share of SMS that are lost; 0.051 in an ordinary network (Meng et al. 2007)",
    )  # fmt: skip

    def process(self, injection: Injection) -> FaultProcess:
        """Lose SMS while the window is open."""

        def lose(box: Box, stream: RandomStream) -> FaultProcess:
            with in_force(box.troubles.loses_sms, Chance(self.loss, stream)):
                yield injection.env.timeout(injection.duration_s)

        return injection.each_box(lose)


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

        def cut_off(box: Box, stream: RandomStream) -> FaultProcess:
            box.modem.lose_coverage()
            back_s = injection.duration_s + stream.between(0.0, self.return_spread_s)
            yield injection.env.timeout(back_s)
            box.modem.regain_coverage()

        return injection.each_box(cut_off)
