"""Faults between the box and the broker: coverage, the carrier, NAT, SMS, the SIM's data."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from fleet_sim.cars.box import Box
from fleet_sim.cars.distributions import Delay, Uniform
from fleet_sim.cars.disturbance import DataMeter
from fleet_sim.cars.failpoints import SMS
from fleet_sim.cars.radio_parameters import Technology
from fleet_sim.faults.drawing import ANYTHING, Drawing
from fleet_sim.faults.registry import CarFault, Claim, FaultProcess, Injection, register
from fleet_wire.quantities import Seconds, Share
from fleet_wire.randomness import RandomStream

DAY_S = 86_400.0


@register
class NoCoverageGarage(CarFault):
    """The car stands underground, the modem has no registration."""

    name: ClassVar[str] = "no_coverage_garage"
    drawing: ClassVar[Drawing] = Drawing(
        ranges={"episode": (20, 400)},
        learned_variants=(
            {},
            {},
            {},
            {"episode": {"base_s": 15, "spread_s": 12}},
            {"episode": {"base_s": 600, "spread_s": 3000}},
        ),
        may_strike_alike=("region", "group"),
    )

    probability: Share = Field(
        1.0, description="chance that a targeted car has no coverage at its place"
    )
    episode: Delay = Field(
        Uniform(base_s=300.0, spread_s=3300.0),
        description="how long a car stays there, 5 to 60 minutes; it ends with the window at most",
    )

    def strike(self, box: Box, injection: Injection, stream: RandomStream) -> FaultProcess:
        """Cut coverage at the opening, and restore it when the episode ends."""
        if stream.uniform() < self.probability:
            stay_s = min(self.episode.sample_s(stream), injection.duration_s)
            with box.modem.bearer.without_coverage(by=injection):
                yield injection.wait(stay_s)


@register
class OneWayDownlink(CarFault):
    """Heartbeats keep coming while every command dies.

    INVERS, who named it the one-way problem, see it where cells are overloaded or a handover goes
    wrong. The model is an operator's proxy that acknowledges. It splits the box's TCP connection in
    two, accepts the box's packets and pings, and has lost the path from the broker [E]. So neither
    end notices. Only the connection is dead one way, not the radio. A car without a connection is
    not hit, and a new connection works.
    """

    name: ClassVar[str] = "one_way_downlink"
    drawing: ClassVar[Drawing] = Drawing(
        ranges={"episode": (40, 400)}, may_strike_alike=("group", "region", "operator", "some")
    )

    episode: Delay = Field(
        Uniform(base_s=60.0, spread_s=1740.0),
        description="how long it lasts, 1 to 30 minutes [E]; it ends with the window at most",
    )

    def strike(self, box: Box, injection: Injection, stream: RandomStream) -> FaultProcess:
        """Cut the downlink at the opening; any new connection restores it."""
        with box.modem.downlink.cut(by=injection):
            yield injection.wait(min(self.episode.sample_s(stream), injection.duration_s))


@register
class HalfOpenTcpNat(CarFault):
    """The carrier's NAT forgets the connection, and tells neither end."""

    name: ClassVar[str] = "half_open_tcp_nat"
    drawing: ClassVar[Drawing] = Drawing(
        ranges={"ping_timeout_s": (5, 20)}, may_strike_alike=ANYTHING, keepalive_from_s=60
    )

    ping_timeout_s: Seconds = Field(
        10.0, description="how long the box waits for an answer to its keepalive ping [E]"
    )

    def strike(self, box: Box, injection: Injection, stream: RandomStream) -> FaultProcess:
        """Drop the NAT entry at the opening; the box notices at its next keepalive ping."""
        until_ping_s = stream.between(0.0, box.spec.parameters.keepalive_s)
        box.modem.bearer.lose_nat_entry(until_ping_s + self.ping_timeout_s, by=injection)
        yield injection.whole_window()


@register
class SmsWakeLost(CarFault):
    """The wake SMS is lost in the operator's network."""

    name: ClassVar[str] = "sms_wake_lost"
    drawing: ClassVar[Drawing] = Drawing(ranges={"loss": (0.6, 1.0)}, needs_sleepers=True)

    loss: Share = Field(
        1.0,
        description="share of SMS that are lost; 0.051 in an ordinary network (Meng et al. 2007)",
    )

    def strike(self, box: Box, injection: Injection, stream: RandomStream) -> FaultProcess:
        """Lose SMS while the window is open."""

        def lose(delay_s: float | None, _context: None) -> float | None:
            return None if stream.uniform() < self.loss else delay_s

        with box.set_action(SMS, lose, by=injection):
            yield injection.whole_window()


@register
class RegionalCarrierOutage(CarFault):
    """The core network of one operator is down in a region, then all return."""

    name: ClassVar[str] = "regional_carrier_outage"
    drawing: ClassVar[Drawing] = Drawing(
        ranges={"return_spread_s": (0, 60)},
        strikes_alike=("operator",),
        is_in_one_region=True,
    )

    return_spread_s: Seconds = Field(
        0.0, description="cells come back over this time after the window, uniformly"
    )

    def strike(self, box: Box, injection: Injection, stream: RandomStream) -> FaultProcess:
        """Cut the network for all cars at once, and restore it."""
        with box.modem.bearer.without_coverage(by=injection):
            yield injection.wait(injection.duration_s + stream.between(0.0, self.return_spread_s))


@register
class NetworkSunset(CarFault):
    """The operator switches an old network off, and it never comes back.

    Affected cars fall silent if their modems support no newer network. The end of the window gives
    nothing back: they need another modem.
    """

    name: ClassVar[str] = "network_sunset"
    drawing: ClassVar[Drawing] = Drawing(
        ranges={"spread_s": (0, 60)}, strikes_alike=("operator",), needs_old_modems=True
    )

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
            with box.modem.bearer.without_coverage(by=injection):
                yield injection.env.event()


@register
class SimSuspendedDatacap(CarFault):
    """A SIM has used up the data of its plan, and the provider suspends it.

    MQTT traffic counts in both directions, with its headers; keepalive pings do not. The count
    begins anew each day; a SIM that is suspended stays so until the window closes, when support has
    acted. So the cars that talk most go first.
    """

    name: ClassVar[str] = "sim_suspended_datacap"
    drawing: ClassVar[Drawing] = Drawing(
        ranges={"cap_bytes": (8000, 20000)},
        strikes_alike=("operator",),
        needs_talkers=True,
        heartbeat_from_s=20,
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
        with box.modem.uplink.metered(meter):
            while not is_used_up.triggered and injection.env.now < ends_s:
                meter.used_bytes = 0
                day_s = min(DAY_S, ends_s - injection.env.now)
                yield is_used_up | injection.wait(day_s)
            with box.modem.bearer.without_coverage(by=injection):
                yield injection.wait(ends_s - injection.env.now)
