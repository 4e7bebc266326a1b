"""Faults of the box's firmware: wrong refusals, busy times and false claims."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from fleet_sim.cars.box import Box
from fleet_sim.cars.distributions import Delay, Uniform
from fleet_sim.cars.failpoints import ACTUATION, BUSY, OBJECTION, STATED
from fleet_sim.faults.registry import CarFault, FaultProcess, Injection, register
from fleet_wire.contract.messages import Action, CarEvent, Command, EventName, Reason
from fleet_wire.modes.mode import Layer
from fleet_wire.quantities import PositiveSeconds
from fleet_wire.randomness import RandomStream

Version = Annotated[str, Field(min_length=1, max_length=128)]


@register
class TtlTooLongRejected(CarFault):
    """Catalogue 20: the box refuses commands that would live for longer than it allows.

    A thief of such a command could open the car with it for as long. A platform that grants longer
    lives, or a firmware that allows shorter ones, makes all commands of these cars fail.
    """

    name: ClassVar[str] = "ttl_too_long_rejected"
    number: ClassVar[int | None] = 20
    layer: ClassVar[Layer] = Layer.BOX
    summary: ClassVar[str] = "the box refuses commands that expire too far in the future"
    seen: ClassVar[str] = "box_rejected with the reason ttl_too_long, at once, for one firmware"
    customer: ClassVar[str] = "The app says no at once, each time, on cars of one kind."
    support: ClassVar[str] = (
        "The box answers `ttl_too_long`; since a release of the platform, or of the firmware."
    )
    evidence: ClassVar[tuple[str, ...]] = (
        "Tesla vehicle-command: TIME_TO_LIVE_TOO_LONG, at most 30 s without a counter",
    )

    max_ttl_s: PositiveSeconds = Field(
        30.0,
        description="how long a command may live (Tesla: 30 s without a counter); shows where"
        " commands live longer: load.command_ttl_s, with customers platform.command_ttl_s",
    )

    def strike(self, box: Box, injection: Injection, stream: RandomStream) -> FaultProcess:  # noqa: ARG002 - nothing is drawn
        """Lower the longest life of a command that the box accepts while the window is open."""

        def refuse(reason: Reason | None, command: Command) -> Reason | None:
            life_s = (command.expires_at_ms - command.issued_at_ms) / 1000
            return Reason.TTL_TOO_LONG if reason is None and life_s > self.max_ttl_s else reason

        with box.set_action(OBJECTION, refuse, by=injection):
            yield injection.whole_window()


@register
class UpdateOrDailyReboot(CarFault):
    """Catalogue 29: the box installs an update and reboots, or reboots because it is time to.

    With `busy: 0` it is the daily reboot of some fleets. Else an update comes first: the box is
    connected and reports, but handles no commands.
    """

    name: ClassVar[str] = "update_or_daily_reboot"
    number: ClassVar[int | None] = 29
    layer: ClassVar[Layer] = Layer.BOX
    summary: ClassVar[str] = "the box installs an update and takes no commands, then it reboots"
    seen: ClassVar[str] = (
        "box_busy after the event update, then box_offline for a short while, and the event boot"
    )
    customer: ClassVar[str] = (
        "The app says that the car is busy, for some minutes; afterwards it opens at once."
    )
    support: ClassVar[str] = (
        "Each command is refused as busy, then the box is away for a minute and tells of a boot."
    )
    evidence: ClassVar[tuple[str, ...]] = (
        "CUP-obc changelog 0.105: a daily reboot",
        "Tesla vehicle-command: ERROR_INTERNAL, not finished booting",
        "ford-connect-sim: firmwareUpgradeInProgress",
    )

    begins: Delay = Field(
        Uniform(base_s=0.0, spread_s=600.0),
        description="when a car begins: at some time of the first ten minutes [E]",
    )
    busy: Delay = Field(
        Uniform(base_s=300.0, spread_s=900.0),
        description="how long the update takes, 5 to 20 min [E]; 0: there is none; it ends with the"
        " window at most",
    )
    reboot: Delay = Field(
        Uniform(base_s=20.0, spread_s=40.0),
        description="how long the box reboots, 20 to 60 s [E]",
    )
    version: Version | None = Field(None, description="what runs afterwards; null: what did before")

    def strike(self, box: Box, injection: Injection, stream: RandomStream) -> FaultProcess:
        """Keep the box busy and reboot it, once in the window."""
        begins_s, reboot_s = self.begins.sample_s(stream), self.reboot.sample_s(stream)
        left_s = injection.duration_s - begins_s
        busy_s = min(self.busy.sample_s(stream), left_s)
        if left_s <= 0:
            return
        yield injection.wait(begins_s)
        if busy_s > 0:
            box.publish_event(CarEvent(EventName.UPDATE, firmware=self.version))
            with box.set_action(BUSY, lambda _is_busy, _command: True, by=injection):
                yield injection.wait(busy_s)
        box.power.reboot(by=injection, takes_s=reboot_s, firmware=self.version)


@register
class BoxBusyDuplicate(CarFault):
    """Catalogue 30: the box counts a request as pending for long after it has answered it.

    Later commands are refused as duplicates: the customer's second press, or the lock after an
    unlock.
    """

    name: ClassVar[str] = "box_busy_duplicate"
    number: ClassVar[int | None] = 30
    layer: ClassVar[Layer] = Layer.BOX
    summary: ClassVar[str] = "a request stays pending for 30 to 60 s: the next one is refused"
    seen: ClassVar[str] = "box_busy, only within a minute of a command before"
    customer: ClassVar[str] = (
        "Pressing again brings the message that the car is busy; a minute later it works."
    )
    support: ClassVar[str] = (
        "The box refuses as busy what comes within a minute of another command, and nothing else."
    )
    evidence: ClassVar[tuple[str, ...]] = (
        "Hyundai and Kia: 4004, duplicate request",
        "BetterBlue#48: HT_533",
        "INVERS OneAPI: resource state is incomplete or busy",
    )

    pending: Delay = Field(
        Uniform(base_s=30.0, spread_s=30.0),
        description="how long a request is pending, 30 to 60 s (BetterBlue#48)",
    )

    def strike(self, box: Box, injection: Injection, stream: RandomStream) -> FaultProcess:
        """Refuse what follows too soon while the window is open."""
        pending_until_s = injection.env.now

        def refuse(is_busy: bool, _command: Command) -> bool:  # noqa: FBT001 - the failpoint's form
            nonlocal pending_until_s
            if is_busy or injection.env.now < pending_until_s:
                return True
            pending_until_s = injection.env.now + self.pending.sample_s(stream)
            return False

        with box.set_action(BUSY, refuse, by=injection):
            yield injection.whole_window()


@register
class AckWithoutActuation(CarFault):
    """Catalogue 33: the box reports success when the frame is sent or the relay was pulsed."""

    name: ClassVar[str] = "ack_without_actuation"
    number: ClassVar[int | None] = 33
    layer: ClassVar[Layer] = Layer.BOX
    summary: ClassVar[str] = (
        "the box reports success for what it has sent to the car, and the lock has not moved"
    )
    seen: ClassVar[str] = "door_unconfirmed: executed, and the state still says locked"
    customer: ClassVar[str] = "The app says open, and the door is shut; a second try may open it."
    support: ClassVar[str] = (
        "A success, and a state after it that still says locked; the car did not move its lock."
    )
    evidence: ClassVar[tuple[str, ...]] = (
        "OVMS vehicle_vwegolf, vehicle_smarted: success once the frame is queued",
        "WaiveCar car-service.js:1826",
        "ha-volvo-cars#129",
    )

    probability: float = Field(
        0.01, ge=0, le=1, description="chance for each command (0.5 to 2 % [E])"
    )
    forces_state: bool = Field(
        default=False,
        description="the box also reports the state that the command wanted, not that of the car",
    )

    def strike(self, box: Box, injection: Injection, stream: RandomStream) -> FaultProcess:
        """Swallow commands behind the box while the window is open."""
        lost: set[str] = set()

        def go_nowhere(moves: bool, command: Command) -> bool:  # noqa: FBT001 - the failpoint's form
            is_lost = stream.uniform() < self.probability
            if is_lost:
                lost.add(command.command_id)
            return moves and not is_lost

        def say_what_was_wanted(is_locked: bool, command: Command) -> bool:  # noqa: FBT001 - the failpoint's form
            if not self.forces_state or command.command_id not in lost:
                return is_locked
            return command.action is Action.LOCK

        with (
            box.set_action(ACTUATION, go_nowhere, by=injection),
            box.set_action(STATED, say_what_was_wanted, by=injection),
        ):
            yield injection.whole_window()
