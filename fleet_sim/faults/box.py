"""Faults of the telematics box: sleep, clock, lost answers, a release that crashes."""

from __future__ import annotations

from contextlib import ExitStack
from typing import ClassVar

from pydantic import Field

from fleet_sim.cars.box import Box
from fleet_sim.cars.distributions import Delay, LogNormal, Uniform
from fleet_sim.cars.failpoints import ACCEPTANCE, CLOCK, OBJECTION, RESULT, RESUME
from fleet_sim.faults.drawing import ANYTHING, WHO_CALL, Drawing
from fleet_sim.faults.registry import (
    CarFault,
    Claim,
    Fault,
    FaultProcess,
    Injection,
    Need,
    Strikes,
    TargetedPlatform,
    register,
)
from fleet_sim.platform.failpoints import DISTANCE
from fleet_sim.platform.operations import Request
from fleet_wire.contract.messages import Command, Phase, Reason, Result
from fleet_wire.quantities import PositiveSeconds, Share
from fleet_wire.randomness import RandomStream

NOT_READY_S = 5.0
"""A box that is busy, or asleep already, looks again after so long whether to sleep deeply [E]."""
RETURN_S = 60.0
"""Longer than a box needs to connect and take what waited, once coverage is back."""


@register
class DeepSleepModemOff(CarFault):
    """To save power the modem is off, and only the box's own timer wakes it."""

    name: ClassVar[str] = "deep_sleep_modem_off"
    drawing: ClassVar[Drawing] = Drawing(may_strike_alike=ANYTHING)
    claims: ClassVar[frozenset[Claim]] = frozenset({Claim.SLEEP_TIMER})

    sleep: Delay = Field(
        Uniform(base_s=3600.0, spread_s=18_000.0),
        description="how long the modem is off each time, 1 to 6 h (Teltonika, AutoPi)",
    )
    awake_s: PositiveSeconds = Field(300.0, description="awake between two sleeps (AutoPi)")

    def strike(self, box: Box, injection: Injection, stream: RandomStream) -> FaultProcess:
        """Sleep and wake in turn until the window closes."""
        ends_s = injection.env.now + injection.duration_s
        while (left_s := ends_s - injection.env.now) > 0:
            if box.is_busy or not box.is_awake:
                yield injection.wait(min(NOT_READY_S, left_s))
                continue
            sleep_s = min(self.sleep.sample_s(stream), left_s)
            box.power.sleep_deeply(sleep_s, by=injection)
            yield injection.wait(min(sleep_s + self.awake_s, left_s))


@register
class SlowWakeClientTimeout(CarFault):
    """A box takes longer to wake than the customer's app waits, and then opens.

    The SMS is in time; what takes long is that the modem registers again, and that the operating
    system comes back.
    """

    name: ClassVar[str] = "slow_wake_client_timeout"
    drawing: ClassVar[Drawing] = Drawing(
        ranges={"wake": {"median_s": (22, 50), "sigma": (0.2, 0.4)}},
        needs_sleepers=True,
        command_ttl_s=90.0,
    )

    wake: Delay = Field(
        LogNormal(median_s=12.0, sigma=0.5),
        description="how long a modem takes to come back, where it usually takes less (Tesla: 10 to"
        " 16 s, at most 30 s; ha-teslafi#47)",
    )

    def strike(self, box: Box, injection: Injection, stream: RandomStream) -> FaultProcess:
        """Delay the modem's return while the window is open."""

        def take_long(usual_s: float, _context: None) -> float:
            return max(usual_s, self.wake.sample_s(stream))

        with box.set_action(RESUME, take_long, by=injection):
            yield injection.whole_window()


@register
class LateDeliveryPersistentSession(CarFault):
    """Commands wait in the broker's session and are executed on return."""

    name: ClassVar[str] = "late_delivery_persistent_session"
    drawing: ClassVar[Drawing] = Drawing(
        ranges={"offline": (20, 250)},
        learned_variants=({}, {}, {}, {"offline": {"base_s": 15, "spread_s": 12}}),
        may_strike_alike=("group", "region", "some"),
        command_ttl_s=600.0,
    )

    offline: Delay = Field(
        Uniform(base_s=600.0, spread_s=21_000.0),
        description="how long a car is away, 10 min to 6 h; it ends with the window at most, and"
        " needs a long life of commands: load.command_ttl_s, with customers"
        " platform.command_ttl_s",
    )

    def strike(self, box: Box, injection: Injection, stream: RandomStream) -> FaultProcess:
        """Cut coverage; on return the firmware does not check a command's age."""

        def overlook_age(reason: Reason | None, _command: Command) -> Reason | None:
            return None if reason is Reason.EXPIRED else reason

        away_s = min(self.offline.sample_s(stream), injection.duration_s)
        with box.set_action(OBJECTION, overlook_age, by=injection):
            with box.modem.bearer.without_coverage(by=injection):
                yield injection.wait(away_s)
            yield injection.wait(injection.duration_s - away_s + RETURN_S)


@register
class ExpiredBySkewedBoxClock(CarFault):
    """A box whose clock is ahead finds good commands expired."""

    name: ClassVar[str] = "expired_by_skewed_box_clock"
    drawing: ClassVar[Drawing] = Drawing(ranges={"skew": (60, 180)})

    skew: Delay = Field(
        Uniform(base_s=60.0, spread_s=120.0),
        description="how far the clock is ahead, 60 to 180 s (CUP-obc changelog, `ora sballata`);"
        " shows where commands live for less: load.command_ttl_s, with customers"
        " platform.command_ttl_s",
    )

    def strike(self, box: Box, injection: Injection, stream: RandomStream) -> FaultProcess:
        """Set the clock wrong, and right again when the window closes; wrong clocks add up."""
        skew_s = self.skew.sample_s(stream)

        def run_ahead(unix_s: float, _context: None) -> float:
            return unix_s + skew_s

        with box.set_action(CLOCK, run_ahead, by=injection):
            yield injection.whole_window()


@register
class AckLostExecuted(CarFault):
    """The car opened, and the answer that says so is lost."""

    name: ClassVar[str] = "ack_lost_executed"
    drawing: ClassVar[Drawing] = Drawing(ranges={"loss": (0.5, 1.0)}, may_strike_alike=ANYTHING)

    loss: Share = Field(0.03, description="share of final answers lost (1 to 3 %)")

    def strike(self, box: Box, injection: Injection, stream: RandomStream) -> FaultProcess:
        """Lose final answers while the window is open; states are still reported."""

        def lose(result: Result | None, _command: Command) -> Result | None:
            is_final = result is None or result.phase is not Phase.RECEIVED
            return None if is_final and stream.uniform() < self.loss else result

        with box.set_action(RESULT, lose, by=injection):
            yield injection.whole_window()


@register
class BadFirmwareCohort(CarFault):
    """A release that crashes on commands reaches part of the fleet."""

    name: ClassVar[str] = "bad_firmware_cohort"
    drawing: ClassVar[Drawing] = Drawing(
        ranges={"probability": (0.6, 1.0)}, strikes_alike=("firmware",)
    )

    probability: Share = Field(1.0, description="chance of a crash for each command")

    def strike(self, box: Box, injection: Injection, stream: RandomStream) -> FaultProcess:
        """Crash the cohort's boxes until the release is withdrawn. Target it by `firmware`."""

        def crash(goes_on: bool, _command: Command) -> bool:  # noqa: FBT001 - the failpoint's form
            if stream.uniform() >= self.probability or not goes_on:
                return goes_on
            box.power.reboot(by=injection)
            return False

        with box.set_action(ACCEPTANCE, crash, by=injection):
            yield injection.whole_window()


@register
class GhostGps(Fault):
    """The box's position is old, and the car is somewhere else."""

    name: ClassVar[str] = "ghost_gps"
    drawing: ClassVar[Drawing] = Drawing(
        ranges={"stale_s": (2400, 7200), "moved_m": (300, 900)},
        customers={"phone": {"sends_position": True}, **WHO_CALL},
    )
    strikes: ClassVar[Strikes] = Strikes.CAR
    needs: ClassVar[frozenset[Need]] = frozenset({Need.PLATFORM})

    stale_s: PositiveSeconds = Field(
        3600.0, description="so old is the position when the window opens; 30 min are usual"
    )
    moved_m: float = Field(
        400.0, gt=0, le=1e7, description="so far has the car been moved since [E]"
    )

    def process(self, injection: Injection) -> FaultProcess:
        """Freeze positions: a customer at the car is then far from its position on the map."""
        assert injection.platform is not None  # noqa: S101 - the scenario was checked for its need
        struck = TargetedPlatform(injection.platform, injection)

        def be_elsewhere(distance_m: float | None, _request: Request) -> float | None:
            return None if distance_m is None else distance_m + self.moved_m

        with ExitStack() as stack:
            stack.enter_context(struck.set_action(DISTANCE, be_elsewhere))
            for box in injection.boxes:
                since_s = injection.env.now - self.stale_s
                stack.enter_context(box.vehicle.without_position(since_s, by=injection))
            yield injection.whole_window()
