"""Faults of the telematics box: sleep, power, clock, firmware, lost answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from fleet_sim.cars.distributions import Delay, Uniform
from fleet_sim.cars.troubles import Chance, in_force
from fleet_sim.faults.registry import Fault, FaultProcess, Injection, register
from fleet_wire.randomness import RandomStream

if TYPE_CHECKING:  # see registry
    from fleet_sim.cars.box import Box

VOLTAGE_STEP_S = 5.0
"""How often a draining battery is looked at."""
NOT_READY_S = 5.0
"""A box that is busy, or asleep already, looks again after so long whether to sleep deeply [E]."""
RETURN_S = 60.0
"""Longer than a box needs to connect and take what waited, once coverage is back."""


@register
class DeepSleepModemOff(Fault):
    """Catalogue 4: to save power the modem is off, and only the box's own timer wakes it."""

    name: ClassVar[str] = "deep_sleep_modem_off"
    summary: ClassVar[str] = "the modem is off; no SMS wakes it, and presence still says online"
    only_once: ClassVar[str | None] = "a box has one modem and one timer"

    sleep: Delay = Field(
        Uniform(base_s=3600.0, spread_s=18_000.0),
        description="how long the modem is off each time, 1 to 6 h (Teltonika, AutoPi)",
    )
    awake_s: float = Field(300.0, gt=0, description="awake between two sleeps (AutoPi)")

    def process(self, injection: Injection) -> FaultProcess:
        """Let each box sleep and wake in turn until the window closes."""

        def doze(box: Box, stream: RandomStream) -> FaultProcess:
            ends_s = injection.env.now + injection.duration_s
            while (left_s := ends_s - injection.env.now) > 0:
                if box.is_busy or not box.is_awake:
                    yield injection.env.timeout(min(NOT_READY_S, left_s))
                    continue
                sleep_s = min(self.sleep.sample_s(stream), left_s)
                box.power.sleep_deeply(sleep_s)
                yield injection.env.timeout(min(sleep_s + self.awake_s, left_s))

        return injection.each_box(doze)


@register
class UndervoltageCutout(Fault):
    """Catalogue 8: the 12 V battery runs down until the box switches itself off."""

    name: ClassVar[str] = "undervoltage_cutout"
    summary: ClassVar[str] = (
        "the 12 V battery runs down: falling voltage in telemetry, then silence"
    )
    only_once: ClassVar[str | None] = "a car has one 12 V battery"

    start_v: float = Field(12.6, description="voltage when the window opens (full at rest, OVMS)")
    drain_v_per_min: float = Field(0.02, gt=0, description="how fast it falls [E]")
    cut_v: float = Field(12.2, description="below this the box prepares to switch off (AutoPi)")
    hold_s: float = Field(240.0, ge=0, description="it does so after this long below (AutoPi)")

    def process(self, injection: Injection) -> FaultProcess:
        """Drain each battery; when the window closes it is charged, and the box boots."""

        def drain(box: Box, _stream: RandomStream) -> FaultProcess:
            vehicle = box.vehicle
            vehicle.voltage_v = self.start_v
            below_s = elapsed_s = 0.0
            while elapsed_s < injection.duration_s:
                step_s = min(VOLTAGE_STEP_S, injection.duration_s - elapsed_s)
                yield injection.env.timeout(step_s)
                elapsed_s += step_s
                vehicle.voltage_v = round(self.start_v - self.drain_v_per_min * elapsed_s / 60.0, 3)
                below_s = below_s + step_s if vehicle.voltage_v < self.cut_v else 0.0
                if below_s > self.hold_s:
                    box.power.switch_off()
            vehicle.voltage_v = box.spec.parameters.voltage_v
            box.power.switch_on()

        return injection.each_box(drain)


@register
class LateDeliveryPersistentSession(Fault):
    """Catalogue 17: commands wait in the broker's session and are executed on return."""

    name: ClassVar[str] = "late_delivery_persistent_session"
    summary: ClassVar[str] = "a box executes on its return what was queued while it was away"

    offline: Delay = Field(
        Uniform(base_s=600.0, spread_s=21_000.0),
        description="how long a car is away, 10 min to 6 h; it ends with the window at most",
    )

    def process(self, injection: Injection) -> FaultProcess:
        """Take coverage away; the firmware does not look at a command's age when it returns."""

        def go_away(box: Box, stream: RandomStream) -> FaultProcess:
            away_s = min(self.offline.sample_s(stream), injection.duration_s)
            box.troubles.expiry_ignored += 1
            box.modem.lose_coverage()
            yield injection.env.timeout(away_s)
            box.modem.regain_coverage()
            yield injection.env.timeout(injection.duration_s - away_s + RETURN_S)
            box.troubles.expiry_ignored -= 1

        return injection.each_box(go_away)


@register
class ExpiredBySkewedBoxClock(Fault):
    """Catalogue 19: a box whose clock is ahead finds good commands expired."""

    name: ClassVar[str] = "expired_by_skewed_box_clock"
    summary: ClassVar[str] = "the box's clock is wrong: good commands are refused as expired"

    skew: Delay = Field(
        Uniform(base_s=60.0, spread_s=120.0),
        description="how far the clock is ahead, 60 to 180 s (CUP-obc changelog, `ora sballata`)",
    )

    def process(self, injection: Injection) -> FaultProcess:
        """Set the clocks wrong, and right again when the window closes."""

        def skew(box: Box, stream: RandomStream) -> FaultProcess:
            with in_force(box.troubles.clock_skews_s, self.skew.sample_s(stream)):
                yield injection.env.timeout(injection.duration_s)

        return injection.each_box(skew)


@register
class AckLostExecuted(Fault):
    """Catalogue 32: the car opened, and the answer that says so is lost."""

    name: ClassVar[str] = "ack_lost_executed"
    summary: ClassVar[str] = "the car opens, but the answer is lost: the customer is told no"

    loss: float = Field(0.03, ge=0, le=1, description="share of final answers lost (1 to 3 %)")

    def process(self, injection: Injection) -> FaultProcess:
        """Lose final answers while the window is open; states are still reported."""

        def lose(box: Box, stream: RandomStream) -> FaultProcess:
            with in_force(box.troubles.loses_result, Chance(self.loss, stream)):
                yield injection.env.timeout(injection.duration_s)

        return injection.each_box(lose)


@register
class BadFirmwareCohort(Fault):
    """Catalogue 28: a release that crashes on commands reaches part of the fleet."""

    name: ClassVar[str] = "bad_firmware_cohort"
    summary: ClassVar[str] = "a firmware release crashes and reboots when a command comes"

    probability: float = Field(1.0, ge=0, le=1, description="chance of a crash for each command")

    def process(self, injection: Injection) -> FaultProcess:
        """Let the cohort crash until the release is taken back. Target it by `firmware`."""

        def crash(box: Box, stream: RandomStream) -> FaultProcess:
            with in_force(box.troubles.crashes, Chance(self.probability, stream)):
                yield injection.env.timeout(injection.duration_s)

        return injection.each_box(crash)
