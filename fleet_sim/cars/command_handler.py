"""How a box handles commands: it checks them, moves the lock, and answers.

Steps without a duration run at once, without an event, so that a box without delays shows the cost
of the stack itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from fleet_sim.cars.box_clock import BoxClock
from fleet_sim.cars.box_states import WORK, Power, Work, WorkEvent, next_state
from fleet_sim.cars.connection import ConnectedBox
from fleet_sim.cars.failpoints import (
    ACCEPTANCE,
    ACTUATION,
    BUSY,
    CAN_WAKE,
    CLOCK,
    DEDUPLICATION,
    OBJECTION,
    RELOCK,
    RESULT,
    STATED,
)
from fleet_sim.cars.modem import Modem
from fleet_sim.cars.power import PowerControl
from fleet_sim.cars.vehicle import CAN_GIVE_UP_S, Vehicle
from fleet_wire.contract.messages import (
    Action,
    Command,
    Phase,
    Reason,
    Result,
)
from fleet_wire.contract.partial import NO_END_MS, UNNAMED
from fleet_wire.contract.signing import is_signed, vehicle_key
from fleet_wire.contract.topics import TopicKind
from fleet_wire.contract.trace_context import passed_on
from fleet_wire.errors import RemoteProtocolError
from fleet_wire.links.link import Message, PublishProperties

CLOCK_TOLERANCE_S = 10.0
"""Largest clock skew at which a command's expiry is still accepted (Tesla vehicle-command allows
clocks that much)."""
REPULSION_S = 0.5
"""Locks that meet a door that is not shut go down and up again in less than a second (E3040)."""


class _Waiting(msgspec.Struct, frozen=True, gc=False):
    """A command that came while the box was busy, where it does one after the other."""

    command: Command
    properties: PublishProperties | None


class _Job(msgspec.Struct, frozen=True, gc=False):
    """The command that a box works on."""

    command: Command
    properties: PublishProperties | None
    """MQTT properties of the answers."""
    received_s: float
    is_replayed: bool
    """Whether the box had used its counter up before, for this command or a later one."""


class CommandedBox(ConnectedBox, Protocol):
    """A box, as the handler of its commands knows it."""

    clock: BoxClock
    modem: Modem
    power: PowerControl
    vehicle: Vehicle

    def notice(self) -> None:
        """Publish changes of the car, if the box notices them."""
        ...

    def publish_state(
        self, command_id: str | None = None, *, is_locked: bool | None = None
    ) -> None:
        """Publish the car's state; `is_locked` overrides the lock for the moment."""
        ...

    def report_movement(self, command: Command | None) -> None:
        """Report a movement of the lock to whoever watches the fleet."""
        ...

    def open_door(self, movement: int) -> None:
        """Open the driver's door, unless the lock has moved since."""
        ...

    def relock(self, movement: int) -> None:
        """Lock again, unless a door was opened or the lock has moved since."""
        ...


class CommandHandler:
    """The commands of one box: the one that it works on, and those that wait for it."""

    __slots__ = (
        "_box",
        "_job",
        "_key",
        "_last_counter",
        "_last_result",
        "_waiting",
        "_work",
    )

    def __init__(self, box: CommandedBox) -> None:
        self._box = box
        self._key: bytes | None = None
        """The key that signs the commands; None until the first one comes."""
        self._work = Work.IDLE
        self._job: _Job | None = None
        self._last_counter = -1
        self._last_result: Result | None = None
        self._waiting: Sequence[_Waiting] = ()

    @property
    def is_busy(self) -> bool:
        """Return whether a command is being worked on."""
        return self._work is not Work.IDLE

    def handle(self, message: Message) -> None:
        """Handle a command; other messages are counted."""
        command = self._command_in(message)
        if command is None:
            return
        world = self._box.world
        wire = world.profile.traits
        if self._box.power.state is Power.ASLEEP:
            self._box.power.stay_awake()
        properties = self._properties_of_answers(message)
        if wire.is_signed and not self._is_genuine(command):
            # Before anything is remembered or begun: a forgery must not stand in the genuine's way.
            self._turn_away(command, Reason.BAD_SIGNATURE, properties)
        elif self._job is not None and self._is_duplicate(command, self._job.command.command_id):
            world.counts.redelivered += 1  # the answer to the first copy is under way
        elif (last := self._last_result) is not None and self._is_duplicate(
            command, last.command_id
        ):
            world.counts.redelivered += 1
            self._send_result(last, properties, command)
        elif wire.works_in_turn and self._job is not None:
            self._waiting = [*self._waiting, _Waiting(command, properties)]
        elif self._is_busy_for(command):
            # Its counter is used up: the broker may send it again when the box is not busy.
            self._last_counter = max(self._last_counter, command.counter)
            self._turn_away(command, Reason.BUSY, properties)
        else:
            self._begin_work(command, properties)

    def _is_genuine(self, command: Command) -> bool:
        """Return whether a command is signed with the car's key."""
        key = self._key
        if key is None:
            key = self._key = vehicle_key(self._box.world.fleet_secret, self._box.spec.vehicle_id)
        return is_signed(key, command)

    def _command_in(self, message: Message) -> Command | None:
        """Return the command of a message; None where it is malformed, or not for this car."""
        world = self._box.world
        try:
            command = world.profile.read_command(self._box.spec.vehicle_id, message)
        except RemoteProtocolError:
            world.counts.malformed += 1
            return None
        if command is None:
            return None
        world.counts.commands += 1
        if command.command_id == UNNAMED:
            name = f"{self._box.spec.vehicle_id}/{world.counts.commands}"
            return msgspec.structs.replace(command, command_id=name)
        return command

    def _begin_work(self, command: Command, properties: PublishProperties | None) -> None:
        """Begin to work on a command."""
        world = self._box.world
        self._work = next_state(WORK, self._work, WorkEvent.COMMAND)
        is_replayed = world.profile.traits.is_signed and command.counter <= self._last_counter
        self._job = job = _Job(command, properties, world.env.now, is_replayed)
        processing_s = self._box.spec.parameters.processing.sample_s(self._box.stream)
        world.later(processing_s, self._check, job)

    def _begin_next(self) -> None:
        """Begin to work on what came meanwhile, the first first."""
        if self._waiting and self._job is None:
            first, *rest = self._waiting
            self._waiting = rest or ()
            self._begin_work(first.command, first.properties)

    def _properties_of_answers(self, message: Message) -> PublishProperties | None:
        """Return what goes with the answers to a command: its correlation data, and its trace.

        Nothing where the fleet's boxes know nothing of MQTT 5.
        """
        if not self._box.world.profile.traits.echoes_correlation_data:
            return None
        if not message.correlation_data and not message.user_properties:
            return None
        return PublishProperties(
            correlation_data=message.correlation_data or None,
            user_properties=passed_on(message.user_properties, by=self._box.spec.vehicle_id),
        )

    def _turn_away(
        self, command: Command, reason: Reason, properties: PublishProperties | None
    ) -> None:
        """Refuse a command at once, even while the box works on another."""
        self._box.world.counts.refused += 1
        self._send_result(Result(command.command_id, Phase.REFUSED, reason), properties, command)

    def _is_duplicate(self, command: Command, earlier_id: str) -> bool:
        """Return whether the box recognises a command as an earlier one."""
        if command.command_id != earlier_id or not self._box.world.profile.traits.deduplicates:
            return False
        failpoints = self._box.failpoints
        if failpoints is None or failpoints.at(
            DEDUPLICATION, command, usual=True, command_id=earlier_id
        ):
            return True
        # Nor does it remember the counter, else it would refuse the command as replayed.
        self._last_counter = min(self._last_counter, command.counter - 1)
        return False

    def _is_busy_for(self, command: Command) -> bool:
        failpoints = self._box.failpoints
        if self._job is not None:
            if failpoints is not None:
                # A fault that keeps the box busy longer hits the commands that arrive meanwhile.
                failpoints.pass_on(self._job.command.command_id, BUSY, command.command_id)
            return True
        return failpoints is not None and failpoints.at(
            BUSY, command, usual=False, command_id=command.command_id
        )

    def _check(self, job: _Job) -> None:
        if self._job is not job:
            return  # the box has lost its power or crashed meanwhile
        command, failpoints, now_s = job.command, self._box.failpoints, self._box.world.env.now
        if failpoints is not None:
            goes_on = failpoints.at(ACCEPTANCE, command, usual=True, command_id=command.command_id)
            if self._job is not job:
                return  # a crash has thrown it away
            if not goes_on:
                self.reset()
                return
        reason = self._objection(job)
        if reason is not None:
            self._refuse(job, reason)
            return
        self._last_counter = max(self._last_counter, command.counter)
        self._work = next_state(WORK, self._work, WorkEvent.ACCEPT)
        self._answer(job, Phase.RECEIVED, now_s)
        can_wake_s: float | None = self._box.vehicle.can_wake_s(now_s)
        if failpoints is not None:
            can_wake_s = failpoints.at(
                CAN_WAKE, command, usual=can_wake_s, command_id=command.command_id
            )
        if can_wake_s is None:
            self._box.world.later(CAN_GIVE_UP_S, self._give_up, job)
        else:
            self._box.world.later(can_wake_s, self._actuate, job, can_wake_s)

    def _give_up(self, job: _Job) -> None:
        if self._job is job:
            self._refuse(job, Reason.CAN_BUS_NO_ACK)

    def _objection(self, job: _Job) -> Reason | None:
        """Return why the box does not accept a command that is signed."""
        own_unix_s, failpoints = self._box.clock.own_unix_s, self._box.failpoints
        if failpoints is None:
            return self._objection_at(job, own_unix_s)
        command = job.command
        unix_s, changed_by = failpoints.fold(CLOCK, None, usual=own_unix_s)
        reason = self._objection_at(job, unix_s)
        if reason is not self._objection_at(job, own_unix_s):
            for culprit in changed_by:
                failpoints.report_hit(culprit, CLOCK, command.command_id)
        return failpoints.at(OBJECTION, command, usual=reason, command_id=command.command_id)

    def _objection_at(self, job: _Job, unix_s: float) -> Reason | None:
        if job.is_replayed:
            return Reason.REPLAYED
        if not self._box.world.profile.traits.expires or job.command.expires_at_ms == NO_END_MS:
            return None  # or the broker sees to it, by MQTT 5's Message Expiry
        life_ms = job.command.expires_at_ms - int(unix_s * 1000)
        if life_ms < 0:
            return Reason.EXPIRED
        if life_ms > (self._box.spec.parameters.max_command_ttl_s + CLOCK_TOLERANCE_S) * 1000:
            return Reason.TTL_TOO_LONG
        return None

    def _actuate(self, job: _Job, can_wake_s: float) -> None:
        if self._job is not job:
            return
        is_unlock, now_s = job.command.action is Action.UNLOCK, self._box.world.env.now
        reason = self._box.vehicle.refusal(now_s, is_unlock=is_unlock)
        if reason is not None:
            for condition in self._box.vehicle.behind(reason, now_s, is_unlock=is_unlock):
                condition.culprit.hit(
                    self._box.spec.vehicle_id, reason.value, command_id=job.command.command_id
                )
            is_by_state = reason is Reason.WRONG_VEHICLE_STATE
            cabin = self._box.vehicle.cabin
            detail = cabin.objection(is_unlock=is_unlock) if is_by_state else None
            self._refuse(job, reason, detail)
            return
        self._work = next_state(WORK, self._work, WorkEvent.CAN_AWAKE)
        actuation_s = self._box.vehicle.actuation_s()
        self._box.world.later(actuation_s, self._on_lock_moved, job, can_wake_s, actuation_s)

    def _on_lock_moved(self, job: _Job, can_wake_s: float, actuation_s: float) -> None:
        if self._job is not job:
            return
        now_s, command, failpoints = self._box.world.env.now, job.command, self._box.failpoints
        if self._box.vehicle.is_open and command.action in (Action.UNLOCK, Action.LOCK):
            self._box.vehicle.be_left(is_locked=command.action is Action.UNLOCK)
        if failpoints is None or failpoints.at(
            ACTUATION, command, usual=True, command_id=command.command_id
        ):
            self._move(command, now_s)
        self._work = next_state(WORK, self._work, WorkEvent.MOVED)
        self._box.world.counts.executed += 1
        self._answer(job, Phase.EXECUTED, now_s, can_wake_s=can_wake_s, actuation_s=actuation_s)
        if command.action is Action.LOCK and self._box.vehicle.left_open_by:
            # The locks go down, and the box says so before they come up again.
            self._box.publish_state(command.command_id, is_locked=True)
            self._box.world.later(REPULSION_S, self._box.notice)
        else:
            self._box.publish_state(command.command_id, is_locked=self._stated(command))
        if command.action is Action.UNLOCK:
            self._wait_for_somebody(command)
        if self._waiting:
            self._begin_next()

    def _stated(self, command: Command) -> bool | None:
        """Return the driver's lock for the state after a command; None: its real state."""
        failpoints = self._box.failpoints
        if failpoints is None or command.action not in (Action.UNLOCK, Action.LOCK):
            return None
        is_locked = self._box.vehicle.is_locked
        said = failpoints.at(STATED, command, usual=is_locked, command_id=command.command_id)
        return None if said is is_locked else said

    def _wait_for_somebody(self, command: Command) -> None:
        """Wait until a customer opens a door, or the car locks itself again."""
        world, failpoints, movement = (
            self._box.world,
            self._box.failpoints,
            self._box.vehicle.movement,
        )
        relock_after_s = self._box.spec.parameters.relock_after_s
        if failpoints is not None:
            relock_after_s = failpoints.at(
                RELOCK, command, usual=relock_after_s, command_id=command.command_id
            )
        if relock_after_s is None and self._box.spec.parameters.door_opens is None:
            return
        is_late = command.expires_at_ms < int(self._box.clock.true_unix_s * 1000)
        opens_s = None if is_late else self._box.vehicle.door_opens_s()  # the customer has gone
        if opens_s is not None and (relock_after_s is None or opens_s < relock_after_s):
            world.later(opens_s, self._box.open_door, movement)
        elif relock_after_s is not None:
            world.later(relock_after_s, self._box.relock, movement)

    def _move(self, command: Command, now_s: float) -> None:
        vehicle, action = self._box.vehicle, command.action
        if action in (Action.UNLOCK, Action.LOCK):
            found_open_by = vehicle.left_open_by if action is Action.UNLOCK else ()
            in_the_way = [
                *found_open_by,
                *vehicle.move_lock(
                    now_s, to_locked=action is Action.LOCK, command_id=command.command_id
                ),
            ]
            self._box.report_movement(command)
            if action is Action.UNLOCK:
                in_the_way += vehicle.keeps_immobilised()
        else:
            in_the_way = [*vehicle.set_immobiliser(is_on=action is Action.DISABLE_DRIVING)]
        for condition in in_the_way:
            condition.culprit.hit(
                self._box.spec.vehicle_id, condition.what, command_id=command.command_id
            )

    def _refuse(self, job: _Job, reason: Reason, detail: str | None = None) -> None:
        self._work = next_state(WORK, self._work, WorkEvent.REFUSE)
        self._box.world.counts.refused += 1
        self._answer(job, Phase.REFUSED, self._box.world.env.now, reason=reason, detail=detail)
        if self._waiting:
            self._begin_next()

    def _answer(
        self,
        job: _Job,
        phase: Phase,
        now_s: float,
        *,
        reason: Reason | None = None,
        detail: str | None = None,
        can_wake_s: float | None = None,
        actuation_s: float | None = None,
    ) -> None:
        command = job.command
        result: Result | None = Result(
            command_id=command.command_id,
            phase=phase,
            reason=reason,
            can_wake_s=can_wake_s,
            actuation_s=actuation_s,
            since_received_s=now_s - job.received_s,
            box_time_ms=self._box.clock.believed_ms(),
            detail=detail,
        )
        if phase is not Phase.RECEIVED:
            self._last_result = result
            self._job = None
        if self._box.failpoints is not None:
            result = self._box.failpoints.at(
                RESULT, command, usual=result, command_id=command.command_id
            )
        if result is not None:
            self._send_result(result, job.properties, command)

    def _send_result(
        self, result: Result, properties: PublishProperties | None, command: Command
    ) -> None:
        self._box.modem.publish(
            TopicKind.RESULT,
            result,
            properties=properties,
            command_id=result.command_id,
            command=command,
        )

    def reset(self) -> None:
        """Forget what was being done and answered: the firmware has crashed.

        The counter stays in flash, else a copy of an old command could open the car.
        """
        self._job = self._last_result = None
        self._waiting = ()
        self._work = next_state(WORK, self._work, WorkEvent.RESET)
