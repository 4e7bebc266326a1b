"""The command service: wakes cars, signs and publishes commands, handles answers, retries safely.

To a car goes one command at a time. A command is published only within its life, and again only
with the same id and counter. So a sound box never executes it twice. After any answer of the car it
is never published again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from fleet_sim.cars.failpoints import Failpoint
from fleet_sim.cars.service_client import ServiceClient
from fleet_sim.cars.world import World
from fleet_sim.platform.bookings import Booking
from fleet_sim.platform.command_writer import CommandWriter
from fleet_sim.platform.commands import (
    CommandState,
    NotPublished,
    PlatformCommand,
    RememberedCommands,
)
from fleet_sim.platform.connection import platform_session
from fleet_sim.platform.deadlines import Deadlines
from fleet_sim.platform.failpoints import (
    ADDRESS,
    GRACE,
    HEARING,
    PUBLISH,
    RETAIN,
    RETRY,
    SAME,
    WAKE,
    PlatformFailpoints,
    ValueT,
)
from fleet_sim.platform.identifiers import Identifiers
from fleet_sim.platform.lanes import Lanes
from fleet_sim.platform.open_requests import OpenRequest, PlatformLog
from fleet_sim.platform.parameters import PlatformParameters
from fleet_sim.platform.vehicle_records import VehicleRecord
from fleet_wire.contract.messages import (
    Action,
    Command,
    Phase,
    Presence,
    Reason,
    Result,
    VehicleState,
)
from fleet_wire.contract.partial import UNNAMED, ActionResult, PartialState
from fleet_wire.contract.platform_log import PlatformStep
from fleet_wire.contract.trace_context import TraceContext
from fleet_wire.errors import LocalProtocolError, RemoteProtocolError
from fleet_wire.links.link import (
    FIRST_ERROR_CODE,
    NO_MATCHING_SUBSCRIBERS,
    Message,
)
from fleet_wire.profiles.profile import Correlation, contents_of

_State = CommandState


class CommandService:
    """Everything between a booking and the broker. `unix_s` is the platform's clock."""

    def __init__(
        self,
        world: World,
        parameters: PlatformParameters,
        *,
        client_id: str,
        failpoints: PlatformFailpoints,
        log: PlatformLog,
        identifiers: Identifiers,
        unix_s: Callable[[], float],
    ) -> None:
        self._world = world
        self.parameters = parameters
        self._failpoints = failpoints
        self._log = log
        self._identifiers = identifiers
        self._unix_s = unix_s
        self._writer = CommandWriter(world, client_id=client_id)
        self._lanes = Lanes()
        self._lives = Deadlines(world.env, self._life_over)
        self._retries = Deadlines(world.env, self._retry)
        self._heard: dict[str, VehicleRecord] = {}
        self._under_way: dict[str, PlatformCommand] = {}
        """The command whose turn it is, by car."""
        self._waking: dict[str, PlatformCommand] = {}
        """Commands that wait for a box to wake up, by box."""
        self.commands = RememberedCommands(remember_s=parameters.remember_s)
        self.open = 0
        """Commands that have not ended."""
        self.malformed = 0
        self.wakes = 0
        """SMS to wake a car that were due."""
        self.connection = ServiceClient(
            world,
            platform_session(world.profile, client_id, shared_group=parameters.shared_group),
            reconnect=parameters.reconnect,
            stream=world.stream(f"{client_id}/reconnect"),
            on_message=self._handle_message,
            renews_link=True,
        )
        self.connection.on_begin = self._connected

    # Calls of the gateway

    def record_of(self, vehicle_id: str) -> VehicleRecord:
        """Return what is known of a car."""
        return self._heard.get(vehicle_id) or VehicleRecord()

    def send(
        self, action: Action, booking: Booking, asked: OpenRequest, *, now: float
    ) -> PlatformCommand:
        """Begin a command for a booking that is in use. `now` is the time on our clock."""
        command = self._new_command(
            action, booking, request_id=asked.request_id, parent=asked.parent, now=now
        )
        self._lanes.take_turn(booking.vehicle_id, partial(self._begin_command, command))
        return command

    def _new_command(
        self,
        action: Action,
        booking: Booking,
        *,
        request_id: str,
        parent: TraceContext,
        now: float,
    ) -> PlatformCommand:
        """Return a new command, whose life begins."""
        command = PlatformCommand(
            self._writer.wire_id(booking.vehicle_id, self._identifiers.new()),
            action,
            booking,
            request_id=request_id,
            parent=parent,
            issued_at=now,
            ttl_s=self.parameters.command_ttl_s,
        )
        self.commands.add(command)
        self.open += 1
        self._lives.set(command.expires_at - now, command)
        return command

    def when_idle(self, vehicle_id: str, then: Callable[[], None]) -> None:
        """Do something when every command that was sent to a car before has ended."""

        def turn() -> None:
            then()
            self._lanes.done(vehicle_id)

        self._lanes.take_turn(vehicle_id, turn)

    # The life of a command

    def _begin_command(self, command: PlatformCommand) -> None:
        if command.is_final:  # its life was over before its turn came
            self._lanes.done(command.vehicle_id)
            return
        self._under_way[command.vehicle_id] = command
        self._go_on(command)

    def _at(
        self,
        failpoint: Failpoint[ValueT, PlatformCommand],
        command: PlatformCommand,
        *,
        usual: ValueT,
    ) -> ValueT:
        """Return what happens to a command where the usual would."""
        if failpoint not in self._failpoints.armed:
            return usual
        return self._failpoints.at(
            failpoint,
            command,
            usual=usual,
            vehicle_id=command.vehicle_id,
            command_id=command.wire_id,
        )

    def _go_on(self, command: PlatformCommand) -> None:
        """Wake the car or publish, as far as that can be done now."""
        link, now = self.connection.open_link, self._unix_s()
        if command.booking.objection(now) is not None:
            self._not_published(command, NotPublished.BOOKING_ENDED)
        elif link is not None:
            if command.signed is None:
                command.box_id = self._at(ADDRESS, command, usual=command.vehicle_id)
                command.signed = self._writer.signed(command, now)
            is_asleep = self.record_of(command.box_id).presence == "asleep"
            if self._at(WAKE, command, usual=is_asleep):
                self._waking[command.box_id] = command
                self._wake(command)
            else:
                self._publish_when_due(command, command.signed)

    def _wake(self, command: PlatformCommand) -> None:
        """Send the car an SMS, and another one after a while; it is published when it has come.

        While there is no connection to the broker, no SMS is sent; the next one is due all the
        same.
        """
        link, now = self.connection.open_link, self._unix_s()
        if not self._is_waiting(command) or now >= command.expires_at:
            return
        self.wakes += 1
        if link is not None:
            command.state = _State.WAKING
            self._writer.wake(link, command, now)
            self._log.of_command(PlatformStep.WOKEN, command)
        self._world.later(self.parameters.wake_again_after_s, self._wake, command)

    def _is_waiting(self, command: PlatformCommand) -> bool:
        return command.state in (_State.QUEUED, _State.WAKING)

    def _publish_when_due(self, command: PlatformCommand, signed: Command) -> None:
        delay_s = self._at(PUBLISH, command, usual=0.0)
        if delay_s is None:
            command.state = _State.PUBLISHED  # to the platform's knowledge
        else:
            self._world.later(delay_s, self._publish_first, command, signed)

    def _publish_first(self, command: PlatformCommand, signed: Command) -> None:
        if self._is_waiting(command):
            self._publish(command, signed)

    def _publish(self, command: PlatformCommand, signed: Command) -> None:
        """Publish a command, unless its life or its booking is over, or the car has answered."""
        link, now = self.connection.open_link, self._unix_s()
        left_s = command.expires_at - now
        has_right = command.booking.objection(now) is None
        if command.is_final or command.answered or link is None or left_s <= 0 or not has_right:
            return
        command.publishes += 1
        command.is_acked = False
        command.state = _State.PUBLISHED
        try:
            acknowledged = partial(self._acknowledged, command)
            life_s = None if self._at(RETAIN, command, usual=False) else left_s
            self._writer.publish(link, command, signed, life_s=life_s, on_ack=acknowledged)
        except LocalProtocolError as error:  # the link's queue is full
            self._not_taken(command, NotPublished.NO_CONNECTION, str(error))
            return
        self._log.of_command(PlatformStep.PUBLISHED, command, at=now)
        self._retry_later(command)

    def _retry_later(self, command: PlatformCommand) -> None:
        may_retry = command.publishes < self.parameters.max_publishes and self._is_safe_twice
        usual_s = self.parameters.retry_after_s if may_retry else None
        retry_after_s = self._at(RETRY, command, usual=usual_s)
        if retry_after_s is not None:
            self._retries.set(retry_after_s, command)

    def _retry(self, command: PlatformCommand, publishes: int) -> None:
        """Publish again, unless that was done already; what has no PUBACK is still on its way."""
        is_done = command.is_final or command.answered or command.publishes != publishes
        if is_done or not command.is_acked or command.signed is None:
            return
        is_same, culprits = self._failpoints.fold(SAME, command, usual=True)
        if is_same:
            self._publish(command, command.signed)
            return
        again = self._publish_anew(command)
        for culprit in culprits:
            for each in (command, again):
                culprit.hit(command.vehicle_id, SAME.name, command_id=each.wire_id)

    def _publish_anew(self, command: PlatformCommand) -> PlatformCommand:
        """Ask for the same by a new command: if the first is only late, the car executes both."""
        again = self._new_command(
            command.action,
            command.booking,
            request_id=self._identifiers.new(),
            parent=command.parent,
            now=self._unix_s(),
        )
        again.repeats, again.box_id = command, command.box_id
        again.publishes = command.publishes
        again.signed = self._writer.signed(again, self._unix_s())

        def learn() -> None:
            if again.state is _State.EXECUTED:
                self._learn(command, again.state, again.reason)

        again.waiting = [learn]
        self._publish(again, again.signed)
        return again

    def _connected(self) -> None:
        """Publish the commands that waited, and repeat those that may have been lost."""
        for command in tuple(self._under_way.values()):
            if command.state is _State.QUEUED:
                self._go_on(command)
            elif command.signed is not None and self._may_be_lost(command):
                self._publish(command, command.signed)

    def _may_be_lost(self, command: PlatformCommand) -> bool:
        """Return whether a lost connection may have lost it, and a second copy does no harm."""
        return command.publishes > 0 and not command.is_acked and self._is_safe_twice

    @property
    def _is_safe_twice(self) -> bool:
        """Whether the fleet's boxes recognise a command that they have had before."""
        return self._world.profile.traits.deduplicates

    def _acknowledged(self, command: PlatformCommand, code: int) -> None:
        command.is_acked = True
        if command.is_final:
            return
        if code >= FIRST_ERROR_CODE:
            self._not_taken(command, NotPublished.DENIED, f"MQTT reason code {code}")
        elif code == NO_MATCHING_SUBSCRIBERS:
            self._not_taken(command, NotPublished.NO_SUBSCRIBER)
        else:
            self._log.of_command(PlatformStep.ACCEPTED, command)
            if command.state is _State.PUBLISHED:
                command.state = _State.ACCEPTED
            if self._is_reported(command):
                self._learn(command, _State.EXECUTED, None)

    def _life_over(self, command: PlatformCommand, _publishes: int) -> None:
        if command.state is _State.WAKING:
            self._not_published(command, NotPublished.ASLEEP)
        elif command.state is _State.QUEUED:
            was_late = command.signed is None and self.connection.open_link is not None
            self._not_published(
                command,
                NotPublished.WAITED_TOO_LONG if was_late else NotPublished.NO_CONNECTION,
            )
        elif not command.is_final:
            grace_s = self._at(GRACE, command, usual=self.parameters.answer_grace_s)
            self._world.later(grace_s, self._give_up, command)

    def _give_up(self, command: PlatformCommand) -> None:
        if not command.is_final:
            self._end_command(command, _State.EXPIRED)

    def _not_taken(
        self, command: PlatformCommand, why: NotPublished, detail: str | None = None
    ) -> None:
        """End a command that the broker refused, unless it accepted an earlier copy."""
        if command.publishes == 1:
            self._not_published(command, why, detail)

    def _not_published(
        self, command: PlatformCommand, why: NotPublished, detail: str | None = None
    ) -> None:
        command.why_not_published = why
        command.reason = why.value if detail is None else f"{why.value}: {detail}"
        self._end_command(command, _State.NOT_PUBLISHED)

    def _end_command(self, command: PlatformCommand, state: CommandState) -> None:
        command.finish(state)
        self.open -= 1
        self._log.of_command(PlatformStep.ENDED, command)
        waiting, command.waiting = command.waiting, ()
        for then in waiting:
            then()
        if self._waking.get(command.box_id) is command:
            del self._waking[command.box_id]
        if self._under_way.get(command.vehicle_id) is command:
            del self._under_way[command.vehicle_id]
            self._lanes.done(command.vehicle_id)

    # Messages from the cars

    def _handle_message(self, message: Message) -> None:
        """Handle a message; violations of the contract are counted."""
        try:
            for vehicle_id, heard in contents_of(self._world.profile, message):
                if isinstance(heard, Result):
                    self._handle_result(vehicle_id, heard)
                elif isinstance(heard, ActionResult):
                    self._handle_report(vehicle_id, heard)
                elif isinstance(heard, (VehicleState, PartialState)):
                    self._handle_state(vehicle_id, heard, is_retained=message.retain)
                elif isinstance(heard, Presence):
                    self._handle_presence(vehicle_id, heard)
                # else nothing that says how a command has ended
        except RemoteProtocolError:
            self.malformed += 1

    def _vehicle(self, vehicle_id: str) -> VehicleRecord:
        heard = self._heard.get(vehicle_id)
        if heard is None:
            heard = self._heard[vehicle_id] = VehicleRecord()
        return heard

    def _handle_presence(self, vehicle_id: str, presence: Presence) -> None:
        heard = self._vehicle(vehicle_id)
        heard.set_presence(presence)
        command = self._waking.get(vehicle_id)
        if heard.presence == "online" and command and command.state is _State.WAKING:
            assert command.signed is not None  # noqa: S101 - it was before the car was woken
            self._publish_when_due(command, command.signed)

    def _handle_state(
        self, vehicle_id: str, state: VehicleState | PartialState, *, is_retained: bool
    ) -> None:
        """Note what a car is like; its state may tell of a command whose answer was lost."""
        self._vehicle(vehicle_id).set_state(state, None if is_retained else self._unix_s())
        if not self.parameters.learns_from_state:
            return
        command = self.commands.on_wire(state.last_command_id)
        if command is None or command.box_id != vehicle_id:
            return
        is_done = state.is_locked is (command.action is Action.LOCK)
        if is_done and self._at(HEARING, command, usual=True):
            self._learn(command, _State.EXECUTED, command.reason)

    def _handle_report(self, vehicle_id: str, report: ActionResult) -> None:
        """Handle a report of a state: an answer to the command that asked for it."""
        command = self._under_way.get(vehicle_id)
        is_named = report.result.command_id != UNNAMED
        if is_named or (command is not None and command.action is report.action):
            self._handle_result(vehicle_id, report.result)

    def _is_reported(self, command: PlatformCommand) -> bool:
        """Return whether a car has the desired state already: it will report nothing then."""
        is_locked = self._vehicle(command.box_id).is_locked
        is_by_state = self._world.profile.traits.correlation is Correlation.STATE
        wanted = {Action.LOCK: True, Action.UNLOCK: False}.get(command.action)
        return is_by_state and wanted is not None and is_locked is wanted

    def _handle_result(self, vehicle_id: str, result: Result) -> None:
        """Handle an answer to one of our commands, from its own car."""
        command = self.commands.on_wire(result.command_id)
        if result.command_id == UNNAMED:  # it answers the only one that is open
            command = self._under_way.get(vehicle_id)
        if command is None or command.box_id != vehicle_id:
            return
        if not self._at(HEARING, command, usual=True):
            return
        command.answered = True
        if result.phase is Phase.EXECUTED:
            self._learn(command, _State.EXECUTED, None)
        elif result.phase is Phase.REFUSED:
            # A box that finds it replayed has had it before, and may have executed it.
            is_open = result.reason is Reason.REPLAYED
            reason = None if result.reason is None else result.reason.value
            self._learn(command, _State.EXPIRED if is_open else _State.REFUSED, reason)
        elif not command.is_final:
            command.state = _State.RECEIVED

    def _learn(self, command: PlatformCommand, state: CommandState, reason: str | None) -> None:
        """End a command as its car says, or learn later how one that was given up has ended."""
        if not command.is_final:
            command.reason = reason
            self._end_command(command, state)
        elif command.state is _State.EXPIRED and state is not _State.EXPIRED:
            command.state, command.reason, command.late = state, reason, True
