"""Faults of the box's firmware: wrong refusals, busy times and false claims."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from fleet_sim.cars.box import Box
from fleet_sim.cars.distributions import Delay, LogNormal, Uniform
from fleet_sim.cars.failpoints import ACTUATION, BUSY, OBJECTION, STATED
from fleet_sim.faults.drawing import ANYTHING, Drawing
from fleet_sim.faults.registry import CarFault, FaultProcess, Injection, register
from fleet_wire.contract.messages import Action, CarEvent, Command, EventName, Reason
from fleet_wire.quantities import PositiveSeconds, Share
from fleet_wire.randomness import RandomStream

Version = Annotated[str, Field(min_length=1, max_length=128)]


@register
class TtlTooLongRejected(CarFault):
    """The box refuses commands that would live for longer than it allows.

    A thief of such a command could open the car with it for as long. A platform that grants longer
    lives, or a firmware that allows shorter ones, makes all commands of these cars fail.
    """

    name: ClassVar[str] = "ttl_too_long_rejected"
    drawing: ClassVar[Drawing] = Drawing(
        ranges={"max_ttl_s": (15, 30)}, strikes_alike=("firmware",), command_ttl_s=60.0
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
    """The box installs an update and reboots, or reboots because it is time to.

    With `busy: 0` it is the daily reboot of some fleets. Else an update comes first: the box is
    connected and reports, but handles no commands.
    """

    name: ClassVar[str] = "update_or_daily_reboot"
    drawing: ClassVar[Drawing] = Drawing(
        ranges={
            "begins": {"base_s": (0, 20), "spread_s": (30, 120)},
            "busy": {"base_s": (40, 100), "spread_s": (30, 100)},
        },
        variants=({}, {"version": "2.6.0"}, {"busy": 0}),
        may_strike_alike=ANYTHING,
    )

    begins: Delay = Field(
        Uniform(base_s=0.0, spread_s=600.0),
        description="when a car begins: at some time of the first ten minutes [E]",
    )
    busy: Delay = Field(
        LogNormal(median_s=300.0, sigma=0.42),
        description="how long the update takes: 5 min as a rule, up to 10 (OVMS, partitioning); 0:"
        " there is none; it ends with the window at most",
    )
    reboot: Delay = Field(
        Uniform(base_s=22.0, spread_s=12.0),
        description="how long the box reboots, 22 to 34 s (OVMS v3: 15 s and 10 to 15 s)",
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
    """The box counts a request as pending for long after it has answered it.

    Later commands are refused as duplicates: the customer's second press, or the lock after an
    unlock.
    """

    name: ClassVar[str] = "box_busy_duplicate"
    drawing: ClassVar[Drawing] = Drawing(strikes_alike=("hardware",), double_taps=0.5)

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
    """The box reports success when the frame is sent or the relay was pulsed."""

    name: ClassVar[str] = "ack_without_actuation"
    drawing: ClassVar[Drawing] = Drawing(
        ranges={"probability": (0.5, 1.0)},
        may_strike_alike=("group", "hardware", "firmware", "some"),
    )

    probability: Share = Field(0.01, description="chance for each command (0.5 to 2 % [E])")
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
