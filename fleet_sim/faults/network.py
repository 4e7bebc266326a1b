"""Faults between the box and the broker: coverage, the carrier, NAT, SMS, the SIM's data."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from fleet_sim.cars.box import Box
from fleet_sim.cars.distributions import Delay, Uniform
from fleet_sim.cars.disturbance import DataMeter
from fleet_sim.cars.failpoints import SMS
from fleet_sim.cars.radio_parameters import Technology
from fleet_sim.faults.registry import CarFault, Claim, FaultProcess, Injection, register
from fleet_wire.modes.mode import Layer
from fleet_wire.quantities import Seconds
from fleet_wire.randomness import RandomStream

DAY_S = 86_400.0


@register
class NoCoverageGarage(CarFault):
    """Catalogue 1: the car stands underground, the modem has no registration."""

    name: ClassVar[str] = "no_coverage_garage"
    number: ClassVar[int | None] = 1
    layer: ClassVar[Layer] = Layer.NETWORK
    summary: ClassVar[str] = "no radio coverage where the car is parked; the box falls silent"
    seen: ClassVar[str] = (
        "box_silent; after 1.5 times the keepalive the last will comes, and it is box_offline"
    )
    customer: ClassVar[str] = (
        "The app says that the car cannot be reached; outside of the garage it works."
    )
    support: ClassVar[str] = (
        "Not heard of since it was parked; the last will comes after 1.5 times the keepalive."
    )
    evidence: ClassVar[tuple[str, ...]] = (
        "INVERS, help.invers.com/cloudboxx/troubleshooting: no coverage underground",
        "Zipcar in a garage, news.ycombinator.com/item?id=20873234: every second time",
        "The Guardian on GIG, 2020-02-18",
    )

    probability: float = Field(
        1.0, ge=0, le=1, description="chance that a targeted car has no coverage at its place"
    )
    episode: Delay = Field(
        Uniform(base_s=300.0, spread_s=3300.0),
        description="how long a car stays there, 5 to 60 minutes; it ends with the window at most",
    )

    def strike(self, box: Box, injection: Injection, stream: RandomStream) -> FaultProcess:
        """Cut coverage at the opening, and restore it when the episode ends."""
        if stream.uniform() < self.probability:
            stay_s = min(self.episode.sample_s(stream), injection.duration_s)
            with box.modem.without_coverage(by=injection):
                yield injection.wait(stay_s)


@register
class OneWayDownlink(CarFault):
    """Catalogue 2: heartbeats keep coming while every command dies.

    INVERS, who named it the one-way problem, see it where cells are overloaded or a handover goes
    wrong. The model is an operator's proxy that acknowledges. It splits the box's TCP connection in
    two, accepts the box's packets and pings, and has lost the path from the broker [E]. So neither
    end notices. Only the connection is dead one way, not the radio. A car without a connection is
    not hit, and a new connection works.
    """

    name: ClassVar[str] = "one_way_downlink"
    number: ClassVar[int | None] = 2
    layer: ClassVar[Layer] = Layer.NETWORK
    summary: ClassVar[str] = "the car still reports, but nothing reaches it until it reattaches"
    seen: ClassVar[str] = "downlink_lost: heartbeats keep coming after the command"
    customer: ClassVar[str] = (
        "The app gives up after its deadline, again and again, beside a car that looks online."
    )
    support: ClassVar[str] = "Fresh heartbeats and fresh presence, and not one command is answered."
    evidence: ClassVar[tuple[str, ...]] = ("INVERS on the one-way problem, invers.com",)

    episode: Delay = Field(
        Uniform(base_s=60.0, spread_s=1740.0),
        description="how long it lasts, 1 to 30 minutes [E]; it ends with the window at most",
    )

    def strike(self, box: Box, injection: Injection, stream: RandomStream) -> FaultProcess:
        """Cut the downlink at the opening; any new connection restores it."""
        with box.modem.without_downlink(by=injection):
            yield injection.wait(min(self.episode.sample_s(stream), injection.duration_s))


@register
class HalfOpenTcpNat(CarFault):
    """Catalogue 3: the carrier's NAT forgets the connection, and tells neither end."""

    name: ClassVar[str] = "half_open_tcp_nat"
    number: ClassVar[int | None] = 3
    layer: ClassVar[Layer] = Layer.NETWORK
    summary: ClassVar[str] = (
        "NAT dropped the connection; both ends believe in it until a ping fails"
    )
    seen: ClassVar[str] = "box_silent: presence says online until the box itself comes back"
    customer: ClassVar[str] = (
        "The app gives up after its deadline; some minutes later the car opens at once."
    )
    support: ClassVar[str] = (
        "Presence says online, nothing was heard for minutes, then the car connects anew by itself."
    )
    evidence: ClassVar[tuple[str, ...]] = (
        "NAT timeouts of mobile networks, blog.wirelessmoves.com, 2020-09",
        "OVMS v3 keepalive of 1740 s, ovms_server_v3.cpp",
    )

    ping_timeout_s: Seconds = Field(
        10.0, description="how long the box waits for an answer to its keepalive ping [E]"
    )

    def strike(self, box: Box, injection: Injection, stream: RandomStream) -> FaultProcess:
        """Drop the NAT entry at the opening; the box notices at its next keepalive ping."""
        until_ping_s = stream.between(0.0, box.spec.parameters.keepalive_s)
        box.modem.lose_nat_entry(until_ping_s + self.ping_timeout_s, by=injection)
        yield injection.whole_window()


@register
class SmsWakeLost(CarFault):
    """Catalogue 7: the wake SMS is lost in the operator's network."""

    name: ClassVar[str] = "sms_wake_lost"
    number: ClassVar[int | None] = 7
    layer: ClassVar[Layer] = Layer.NETWORK
    summary: ClassVar[str] = "wake SMS are lost, so sleeping boxes stay asleep"
    seen: ClassVar[str] = "box_asleep with the flag woken"
    customer: ClassVar[str] = (
        "A car that sleeps does not open; a second try a minute later often does."
    )
    support: ClassVar[str] = "A wake request went out, and the box has not connected."
    evidence: ClassVar[tuple[str, ...]] = (
        "Meng et al., INFOCOM 2007: 5.1 % of SMS lost in a nationwide network",
    )

    loss: float = Field(
        1.0, ge=0, le=1,
        description="share of SMS that are lost; 0.051 in an ordinary network (Meng et al. 2007)",
    )  # fmt: skip

    def strike(self, box: Box, injection: Injection, stream: RandomStream) -> FaultProcess:
        """Lose SMS while the window is open."""

        def lose(delay_s: float | None, _context: None) -> float | None:
            return None if stream.uniform() < self.loss else delay_s

        with box.set_action(SMS, lose, by=injection):
            yield injection.whole_window()


@register
class RegionalCarrierOutage(CarFault):
    """Catalogue 11: the core network of one operator is down in a region, then all return."""

    name: ClassVar[str] = "regional_carrier_outage"
    number: ClassVar[int | None] = 11
    layer: ClassVar[Layer] = Layer.NETWORK
    summary: ClassVar[str] = "an operator's network is down: last wills in a wave, then a storm"
    seen: ClassVar[str] = (
        "box_offline for one operator in one region, last wills in a wave, answers late"
    )
    customer: ClassVar[str] = (
        "No car of the neighbourhood opens, nor does the next one that is tried."
    )
    support: ClassVar[str] = (
        "Last wills in one wave, all of one operator in one region; the others are fine."
    )
    evidence: ClassVar[tuple[str, ...]] = (
        "O2 and SoftBank, 2018-12-06 (ZDNet)",
        "Rogers, 2022-07-08 (The Globe and Mail)",
        "Zipcar, 2019-03-09 (The Boston Globe)",
    )

    return_spread_s: Seconds = Field(
        0.0, description="cells come back over this time after the window, uniformly"
    )

    def strike(self, box: Box, injection: Injection, stream: RandomStream) -> FaultProcess:
        """Cut the network for all cars at once, and restore it."""
        with box.modem.without_coverage(by=injection):
            yield injection.wait(injection.duration_s + stream.between(0.0, self.return_spread_s))


@register
class NetworkSunset(CarFault):
    """Catalogue 12: the operator switches an old network off, and it never comes back.

    Affected cars fall silent if their modems support no newer network. The end of the window gives
    nothing back: they need another modem.
    """

    name: ClassVar[str] = "network_sunset"
    number: ClassVar[int | None] = 12
    layer: ClassVar[Layer] = Layer.NETWORK
    summary: ClassVar[str] = (
        "an operator switches 2G and 3G off: cars with old modems are lost for good"
    )
    seen: ClassVar[str] = (
        "box_silent, then box_offline, for all cars of one technology and hardware; none returns"
    )
    customer: ClassVar[str] = "Older cars of the fleet do not open any more, on no day and nowhere."
    support: ClassVar[str] = (
        "All that are lost have the same hardware, and their last state says gsm or umts."
    )
    evidence: ClassVar[tuple[str, ...]] = ("AT&T switches 3G off, 2022-02-22 (NBC Los Angeles)",)

    technologies: tuple[Technology, ...] = Field(
        (Technology.GSM, Technology.UMTS), min_length=1,
        description="what is switched off: modems that speak it are lost",
    )  # fmt: skip
    spread_s: Seconds = Field(
        0.0, description="cells are switched off over this time, uniformly: a night, say"
    )

    def strike(self, box: Box, injection: Injection, stream: RandomStream) -> FaultProcess:
        """Cut the network of an old modem, for good."""
        off_s = stream.between(0.0, self.spread_s)
        if box.spec.traits.technology in self.technologies:
            yield injection.wait(off_s)
            with box.modem.without_coverage(by=injection):
                yield injection.env.event()


@register
class SimSuspendedDatacap(CarFault):
    """Catalogue 10: a SIM has used up the data of its plan, and the provider suspends it.

    MQTT traffic counts in both directions, with its headers; keepalive pings do not. The count
    begins anew each day; a SIM that is suspended stays so until the window closes, when support has
    acted. So the cars that talk most go first.
    """

    name: ClassVar[str] = "sim_suspended_datacap"
    number: ClassVar[int | None] = 10
    layer: ClassVar[Layer] = Layer.NETWORK
    summary: ClassVar[str] = (
        "the SIM has used up its data and is suspended: those that talk most first"
    )
    seen: ClassVar[str] = (
        "box_silent, then box_offline, after data_used_bytes in telemetry rose to the same number"
    )
    customer: ClassVar[str] = (
        "The car does not open until somebody has called; others beside it do."
    )
    support: ClassVar[str] = (
        "Cars of one data plan fall silent when they have used the same amount, in full coverage."
    )
    evidence: ClassVar[tuple[str, ...]] = (
        "INVERS, help.invers.com/cloudboxx/troubleshooting: suspended by the daily data limit",
    )
    claims: ClassVar[frozenset[Claim]] = frozenset({Claim.DATA_PLAN})

    cap_bytes: int = Field(
        1_000_000, ge=1, le=10**12, description="what a SIM may use in a day (1 to 5 MB [E])"
    )

    def strike(self, box: Box, injection: Injection, stream: RandomStream) -> FaultProcess:  # noqa: ARG002 - nothing is drawn
        """Count, and suspend the SIM at the cap."""
        is_used_up = injection.env.event()

        def check_usage() -> None:
            if meter.used_bytes >= self.cap_bytes and not is_used_up.triggered:
                is_used_up.succeed()

        meter = DataMeter(check_usage)
        ends_s = injection.env.now + injection.duration_s
        with box.modem.metered(meter):
            while not is_used_up.triggered and injection.env.now < ends_s:
                meter.used_bytes = 0
                day_s = min(DAY_S, ends_s - injection.env.now)
                yield is_used_up | injection.wait(day_s)
            with box.modem.without_coverage(by=injection):
                yield injection.wait(ends_s - injection.env.now)
