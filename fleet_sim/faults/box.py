"""Faults of the telematics box: sleep, clock, lost answers, a release that crashes."""

from __future__ import annotations

from contextlib import ExitStack
from typing import ClassVar

from pydantic import Field

from fleet_sim.cars.box import Box
from fleet_sim.cars.distributions import Delay, LogNormal, Uniform
from fleet_sim.cars.failpoints import ACCEPTANCE, CLOCK, OBJECTION, RESULT, RESUME
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
from fleet_wire.modes.mode import Layer
from fleet_wire.quantities import PositiveSeconds
from fleet_wire.randomness import RandomStream

NOT_READY_S = 5.0
"""A box that is busy, or asleep already, looks again after so long whether to sleep deeply [E]."""
RETURN_S = 60.0
"""Longer than a box needs to connect and take what waited, once coverage is back."""


@register
class DeepSleepModemOff(CarFault):
    """Catalogue 4: to save power the modem is off, and only the box's own timer wakes it."""

    name: ClassVar[str] = "deep_sleep_modem_off"
    number: ClassVar[int | None] = 4
    layer: ClassVar[Layer] = Layer.BOX
    summary: ClassVar[str] = "the modem is off; no SMS wakes it, and presence still says online"
    seen: ClassVar[str] = "box_silent, no last will, no wake request"
    customer: ClassVar[str] = (
        "A car that nobody has driven for days does not open, however often it is tried."
    )
    support: ClassVar[str] = (
        "Last heard of hours ago with a clean goodbye; a wake SMS changes nothing."
    )
    evidence: ClassVar[tuple[str, ...]] = (
        "Teltonika FMB120 sleep modes, wiki.teltonika-gps.com",
        "AutoPi power management, docs.autopi.io",
        "volvooncall#51: asleep after 5 days",
    )
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
    """Catalogue 5: a box takes longer to wake than the customer's app waits, and then opens.

    The SMS is in time; what takes long is that the modem registers again, and that the operating
    system comes back.
    """

    name: ClassVar[str] = "slow_wake_client_timeout"
    number: ClassVar[int | None] = 5
    layer: ClassVar[Layer] = Layer.BOX
    summary: ClassVar[str] = "sleeping boxes take 10 to 40 s to wake: the app has given up by then"
    seen: ClassVar[str] = "box_asleep with the flag woken, then stray.late: it opens afterwards"
    customer: ClassVar[str] = (
        "The app gives up, and some seconds later the car opens behind the customer's back."
    )
    support: ClassVar[str] = (
        "A wake request, no answer in time, and a success soon after; a car awake opens at once."
    )
    evidence: ClassVar[tuple[str, ...]] = (
        "ha-teslafi#47, ha-teslafi#53: 10 s are too short on cellular, 30 s are not",
        "kia_uvo#148: Google stops at 5 s, and the car unlocks anyway",
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
    """Catalogue 17: commands wait in the broker's session and are executed on return."""

    name: ClassVar[str] = "late_delivery_persistent_session"
    number: ClassVar[int | None] = 17
    layer: ClassVar[Layer] = Layer.BROKER
    summary: ClassVar[str] = "a box executes on its return what was queued while it was away"
    seen: ClassVar[str] = "box_silent or box_offline, then stray.late: open with nobody there"
    customer: ClassVar[str] = (
        "The app said that it failed; minutes or hours later the car opens with nobody there."
    )
    support: ClassVar[str] = (
        "The command ended as failed, and a success of it arrived long after its booking."
    )
    evidence: ClassVar[tuple[str, ...]] = (
        "OVMS protocol: no expiry, persistent session",
        "Traccar CommandsManager: queue without a lifetime",
        "TeslaWatch#180: can be ten minutes later",
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
            with box.modem.without_coverage(by=injection):
                yield injection.wait(away_s)
            yield injection.wait(injection.duration_s - away_s + RETURN_S)


@register
class ExpiredBySkewedBoxClock(CarFault):
    """Catalogue 19: a box whose clock is ahead finds good commands expired."""

    name: ClassVar[str] = "expired_by_skewed_box_clock"
    number: ClassVar[int | None] = 19
    layer: ClassVar[Layer] = Layer.BOX
    summary: ClassVar[str] = "the box's clock is wrong: good commands are refused as expired"
    seen: ClassVar[str] = "box_says_expired, at once, on the same cars each time"
    customer: ClassVar[str] = "This one car refuses at once, each time; every other car works."
    support: ClassVar[str] = (
        "The box answers `expired` to a command that is a second old, always on the same cars."
    )
    evidence: ClassVar[tuple[str, ...]] = (
        "CUP-obc changelog: `ora sballata`, a wrong hour",
        "Tesla vehicle-command: TIME_EXPIRED",
    )

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
    """Catalogue 32: the car opened, and the answer that says so is lost."""

    name: ClassVar[str] = "ack_lost_executed"
    number: ClassVar[int | None] = 32
    layer: ClassVar[Layer] = Layer.COMMAND
    summary: ClassVar[str] = "the car opens, but the answer is lost: the customer is told no"
    seen: ClassVar[str] = "result_lost: the state of the lock has changed"
    customer: ClassVar[str] = "The app says that it failed, and the car stands there unlocked."
    support: ClassVar[str] = (
        "No answer to the command; the state of the lock has changed all the same."
    )
    evidence: ClassVar[tuple[str, ...]] = (
        "Teslemetry PR #66: about 161 timeouts, about all executed",
        "Tesla vehicle-command: MayHaveSucceeded",
    )

    loss: float = Field(0.03, ge=0, le=1, description="share of final answers lost (1 to 3 %)")

    def strike(self, box: Box, injection: Injection, stream: RandomStream) -> FaultProcess:
        """Lose final answers while the window is open; states are still reported."""

        def lose(result: Result | None, _command: Command) -> Result | None:
            is_final = result is None or result.phase is not Phase.RECEIVED
            return None if is_final and stream.uniform() < self.loss else result

        with box.set_action(RESULT, lose, by=injection):
            yield injection.whole_window()


@register
class BadFirmwareCohort(CarFault):
    """Catalogue 28: a release that crashes on commands reaches part of the fleet."""

    name: ClassVar[str] = "bad_firmware_cohort"
    number: ClassVar[int | None] = 28
    layer: ClassVar[Layer] = Layer.BOX
    summary: ClassVar[str] = "a firmware release crashes and reboots when a command comes"
    seen: ClassVar[str] = "box_offline for one firmware, and a new presence some 20 to 60 s later"
    customer: ClassVar[str] = "The car does not open, and goes offline each time that it is asked."
    support: ClassVar[str] = (
        "All that fail have the new release; their boxes drop out with each command, and come back."
    )
    evidence: ClassVar[tuple[str, ...]] = (
        "Rivian 2023.42: a wrong certificate in a release (Electrek, 2023-11-14)",
    )

    probability: float = Field(1.0, ge=0, le=1, description="chance of a crash for each command")

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
    """Catalogue 53: the box's position is old, and the car is somewhere else."""

    name: ClassVar[str] = "ghost_gps"
    number: ClassVar[int | None] = 53
    layer: ClassVar[Layer] = Layer.BOX
    summary: ClassVar[str] = (
        "the box takes no position any more: the platform has the car where it was before"
    )
    seen: ClassVar[str] = (
        "position_age_s far above 30 min in telemetry; api_refused, vehicle-too-far, where the"
        " platform looks at the distance"
    )
    customer: ClassVar[str] = "The app says that I am far from the car, and I stand beside it."
    support: ClassVar[str] = "The car's position is an hour old; the phone is at another place."
    evidence: ClassVar[tuple[str, ...]] = (
        "INVERS FAQ, inspect: a standby position every 30 min",
        "JuJu trailers#11: unlocks within 25 m",
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
