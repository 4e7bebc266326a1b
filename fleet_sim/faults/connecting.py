"""Faults of making a connection: names that are not found, certificates that are not valid."""

from __future__ import annotations

from math import inf
from typing import ClassVar, Final

from pydantic import Field

from fleet_sim.broker.control import BrokerSettings
from fleet_sim.cars.box import Box
from fleet_sim.cars.distributions import Delay, LogNormal, Uniform
from fleet_sim.cars.failpoints import BAD_CERTIFICATE, CLOCK, DIAL, DialStage
from fleet_sim.faults.drawing import ANYTHING, Drawing
from fleet_sim.faults.registry import CarFault, FaultProcess, Injection, register
from fleet_wire.quantities import Seconds, Share
from fleet_wire.randomness import RandomStream

SHOWS_BAD_CERTIFICATES: Final = BrokerSettings(shows_bad_certificates=True)


class _NoNewConnection(CarFault):
    """A connection that stands stays; who must make a new one cannot."""

    renewal: Delay = Field(
        Uniform(base_s=0.0, spread_s=3600.0),
        description="when a connected car must connect anew for reasons of its own, a handover or a"
        " restart: at some time of the first hour [E]; later than the window's end: not at all",
    )

    def _renew(self, box: Box, injection: Injection, stream: RandomStream) -> FaultProcess:
        """End the connection at its time, and wait for the end of the window."""
        renewed_s = self.renewal.sample_s(stream)
        if renewed_s < injection.duration_s:
            yield injection.wait(renewed_s)
            box.modem.dialler.drop_connection(by=injection)
            yield injection.wait(injection.duration_s - renewed_s)
        else:
            yield injection.whole_window()


@register
class DnsFailure(_NoNewConnection):
    """The resolver of the SIM cards, or the cloud's, does not answer.

    A box asks it anew for each connection, and opens no socket without an address. One that has
    the broker's address built in does not notice.
    """

    name: ClassVar[str] = "dns_failure"
    drawing: ClassVar[Drawing] = Drawing(
        ranges={"renewal": {"base_s": (0, 20), "spread_s": (30, 150)}, "pinned": (0, 0.3)},
        strikes_alike=("operator",),
    )

    pinned: Share = Field(0.0, description="share of boxes that have the broker's address built in")
    timeout_s: Seconds = Field(
        10.0, description="the resolver is asked twice, 5 s each (resolv.conf(5))"
    )

    def strike(self, box: Box, injection: Injection, stream: RandomStream) -> FaultProcess:
        """Fail every name lookup while the window is open."""
        is_pinned = stream.uniform() < self.pinned

        def find_nothing(fails_s: float | None, stage: DialStage) -> float | None:
            if stage is DialStage.DNS and fails_s is None and not is_pinned:
                return self.timeout_s
            return fails_s

        with box.set_action(DIAL, find_nothing, by=injection):
            if is_pinned:
                yield injection.whole_window()
            else:
                yield from self._renew(box, injection, stream)


@register
class TlsCertExpired(_NoNewConnection):
    """A certificate has run out, or its root is missing in the firmware.

    Target it by `firmware` where a root is missing, and at all cars where the broker's own has run
    out. The window opens at the second after which it is not valid. The log of a private broker
    tells of each attempt; on one of the user's the box stays away, and makes no handshake.
    """

    name: ClassVar[str] = "tls_cert_expired"
    drawing: ClassVar[Drawing] = Drawing(
        ranges={"renewal": {"base_s": (0, 20), "spread_s": (30, 150)}},
        strikes_alike=("firmware", "firmware", "all"),
    )

    gives_up: Share = Field(
        0.0,
        description="share of boxes whose firmware never tries again after a bad certificate"
        " (chirpstack-gateway-bridge#210); they come back when they boot",
    )

    def broker_settings(self) -> BrokerSettings:
        """Make the broker show an expired certificate."""
        return SHOWS_BAD_CERTIFICATES

    def strike(self, box: Box, injection: Injection, stream: RandomStream) -> FaultProcess:
        """Fail every handshake until there is a new certificate."""
        gives_up = self.gives_up > 0 and stream.uniform() < self.gives_up

        def refuse(fails_s: float | None, stage: DialStage) -> float | None:
            is_handshake = stage is DialStage.TLS and fails_s is None
            return 0.0 if is_handshake else fails_s

        def try_again(usual_s: float | None, _context: None) -> float | None:
            return None if gives_up else usual_s

        with (
            box.set_action(DIAL, refuse, by=injection),
            box.set_action(BAD_CERTIFICATE, try_again, by=injection),
        ):
            yield from self._renew(box, injection, stream)


@register
class TlsNotYetValidClock1970(CarFault):
    """The clock was lost with the 12 V, and in 1970 no certificate is valid yet.

    The box boots, tries and fails until the network or a satellite has told it the time. Boxes that
    are always like that have `keeps_time: false` and `needs_time_for_tls: true` in their scenario.
    """

    name: ClassVar[str] = "tls_not_yet_valid_clock1970"
    drawing: ClassVar[Drawing] = Drawing(
        ranges={"sync": {"median_s": (30, 120), "sigma": (0.5, 1.0)}}, may_strike_alike=ANYTHING
    )

    off: Delay = Field(
        Uniform(base_s=5.0, spread_s=55.0),
        description="how long there is no power, 5 to 60 s: a battery is changed [E]; it ends with"
        " the window at most",
    )
    sync: Delay = Field(
        LogNormal(median_s=30.0, sigma=1.0),
        description="from the first attempt until NITZ, NTP or GNSS has set the clock, 30 s to"
        " hours (Tasmota#9757) [E]",
    )

    def broker_settings(self) -> BrokerSettings:
        """Make the broker show a certificate that is not valid yet in 1970."""
        return SHOWS_BAD_CERTIFICATES

    def strike(self, box: Box, injection: Injection, stream: RandomStream) -> FaultProcess:
        """Cut the power and reset the clock to 1970, until the box gets the time."""
        began_s = injection.env.now
        off_s = min(self.off.sample_s(stream), injection.duration_s)
        sync_s, is_set_s = self.sync.sample_s(stream), inf

        def begin_in_1970(unix_s: float, _context: None) -> float:
            now_s = injection.env.now
            return now_s - began_s if now_s < is_set_s else unix_s

        def refuse(fails_s: float | None, stage: DialStage) -> float | None:
            nonlocal is_set_s
            if stage is not DialStage.TLS or fails_s is not None:
                return fails_s
            is_set_s = min(is_set_s, injection.env.now + sync_s)
            return 0.0 if injection.env.now < is_set_s else None

        with (
            box.set_action(CLOCK, begin_in_1970, by=injection),
            box.set_action(DIAL, refuse, by=injection),
        ):
            with box.power.without_power(by=injection):
                yield injection.wait(off_s)
            yield injection.wait(injection.duration_s - off_s)
