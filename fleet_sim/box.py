"""The telematics box: takes commands, moves the lock, and answers.

The model runs on a plain `simpy.Environment` and speaks to a broker through a `Link`; it cannot
tell whether the environment follows the clock or runs ahead of it. Whatever takes no time happens
at once, without an event, so that a box without delays shows what the stack itself costs.
"""

from __future__ import annotations

from fleet_sim.box_states import WORK, Work, WorkEvent, after
from fleet_sim.modem import Modem
from fleet_sim.scenario import VehicleSpec
from fleet_sim.vehicle import Vehicle
from fleet_sim.world import World
from fleet_wire import codec
from fleet_wire.errors import RemoteProtocolError
from fleet_wire.link import Message, PublishProperties
from fleet_wire.messages import (
    Action,
    Command,
    Phase,
    Reason,
    Result,
    Telemetry,
    VehicleState,
)
from fleet_wire.signing import is_signed, vehicle_key
from fleet_wire.topics import TopicKind

SIGNAL_DBM = -85.0
"""What a box reports: a fair LTE signal."""
POSITION_REFRESH_S = 1800.0
"""A parked box takes a position every 30 minutes (INVERS, standby GNSS refresh)."""


class Box:
    """One box: its modem, its car, and the command it works on."""

    __slots__ = (
        "_clock_error_s",
        "_command",
        "_key",
        "_last_counter",
        "_last_result",
        "_properties",
        "_received_s",
        "_stream",
        "_work",
        "_world",
        "modem",
        "spec",
        "vehicle",
    )

    def __init__(self, world: World, spec: VehicleSpec) -> None:
        self._world = world
        self.spec = spec
        self._stream = world.stream(f"{spec.vehicle_id}/box")
        self._clock_error_s = spec.parameters.clock_error.sample_s(self._stream)
        self._key = vehicle_key(world.fleet_secret, spec.vehicle_id)
        self._work = Work.IDLE
        self._command: Command | None = None
        self._properties: PublishProperties | None = None
        self._received_s = 0.0
        self._last_counter = -1
        self._last_result: Result | None = None
        self.vehicle = Vehicle(spec.parameters, world.stream(f"{spec.vehicle_id}/vehicle"))
        self.modem = Modem(world, spec, self)

    @property
    def vehicle_id(self) -> str:
        """Return the car's id, a level of its topics."""
        return self.spec.vehicle_id

    @property
    def is_busy(self) -> bool:
        """Return whether a command is being worked on."""
        return self._work is not Work.IDLE

    def came_online(self) -> None:
        """Tell the others how the car is."""
        self._publish_state()

    def take(self, message: Message) -> None:
        """Take a command; what is none is counted."""
        try:
            command = codec.decode(TopicKind.COMMAND, message.payload)
        except RemoteProtocolError:
            self._world.counts.malformed += 1
            return
        assert isinstance(command, Command)  # noqa: S101 - what decode returns for COMMAND
        self._take_command(command, message.correlation_data)

    def _take_command(self, command: Command, correlation_data: bytes | None) -> None:
        counts = self._world.counts
        counts.commands += 1
        last = self._last_result
        if self._command is not None and self._command.command_id == command.command_id:
            counts.redelivered += 1  # the answer to the first copy is under way
        elif last is not None and last.command_id == command.command_id:
            counts.redelivered += 1
            self._publish_result(last, PublishProperties(correlation_data=correlation_data))
        elif self._work is not Work.IDLE:
            counts.refused += 1
            self._publish_result(
                Result(command_id=command.command_id, phase=Phase.REFUSED, reason=Reason.BUSY),
                PublishProperties(correlation_data=correlation_data),
            )
        else:
            self._work = after(WORK, self._work, WorkEvent.COMMAND)
            self._command = command
            self._properties = PublishProperties(correlation_data=correlation_data)
            self._received_s = self._world.env.now
            self._world.later(self.spec.parameters.processing.sample_s(self._stream), self._check)

    def _check(self) -> None:
        command = self._current()
        reason = self._objection(command)
        if reason is not None:
            self._refuse(reason)
            return
        self._last_counter = command.counter
        self._work = after(WORK, self._work, WorkEvent.ACCEPT)
        self._answer(Phase.RECEIVED)
        can_wake_s = self.vehicle.can_wake_s(self._world.env.now)
        self._world.later(can_wake_s, self._actuate, can_wake_s)

    def _current(self) -> Command:
        assert self._command is not None  # noqa: S101 - only called while work is not IDLE
        return self._command

    def _objection(self, command: Command) -> Reason | None:
        """Return why the box does not accept a command, the first thing a thief would try first."""
        if not is_signed(
            self._key,
            command.signature,
            command_id=command.command_id,
            action=command.action,
            expires_at_ms=command.expires_at_ms,
            counter=command.counter,
        ):
            return Reason.BAD_SIGNATURE
        if command.counter <= self._last_counter:
            return Reason.REPLAYED
        life_ms = command.expires_at_ms - self._wall_ms()
        if life_ms < 0:
            return Reason.EXPIRED
        if life_ms > self.spec.parameters.max_command_ttl_s * 1000:
            return Reason.TTL_TOO_LONG
        return None

    def _wall_ms(self) -> int:
        """Return what the box believes the time to be, in Unix milliseconds."""
        now_s = self._world.epoch_unix_s + self._world.env.now + self._clock_error_s
        return int(now_s * 1000)

    def _actuate(self, can_wake_s: float) -> None:
        reason = self.vehicle.refusal(self._world.env.now)
        if reason is not None:
            self._refuse(reason)
            return
        self._work = after(WORK, self._work, WorkEvent.CAN_AWAKE)
        actuation_s = self.vehicle.actuation_s()
        self._world.later(actuation_s, self._moved, can_wake_s, actuation_s)

    def _moved(self, can_wake_s: float, actuation_s: float) -> None:
        command = self._current()
        to_locked = command.action is Action.LOCK
        self.vehicle.move_lock(
            self._world.env.now, to_locked=to_locked, command_id=command.command_id
        )
        self._work = after(WORK, self._work, WorkEvent.MOVED)
        self._world.counts.executed += 1
        self._answer(Phase.EXECUTED, can_wake_s=can_wake_s, actuation_s=actuation_s)
        self._publish_state()
        relock_after_s = self.spec.parameters.relock_after_s
        if relock_after_s is not None and not to_locked:
            self._world.later(relock_after_s, self._relock, self.vehicle.movement)

    def _relock(self, movement: int) -> None:
        """Lock again, unless a door was opened or the lock has moved since."""
        if self.vehicle.movement == movement and not self.vehicle.is_open:
            self.vehicle.move_lock(self._world.env.now, to_locked=True)
            self._publish_state()

    def _refuse(self, reason: Reason) -> None:
        self._work = after(WORK, self._work, WorkEvent.REFUSE)
        self._world.counts.refused += 1
        self._answer(Phase.REFUSED, reason=reason)

    def _answer(
        self,
        phase: Phase,
        *,
        reason: Reason | None = None,
        can_wake_s: float | None = None,
        actuation_s: float | None = None,
    ) -> None:
        result = Result(
            command_id=self._current().command_id,
            phase=phase,
            reason=reason,
            can_wake_s=can_wake_s,
            actuation_s=actuation_s,
            since_received_s=self._world.env.now - self._received_s,
            box_time_ms=self._wall_ms(),
        )
        self._publish_result(result, self._properties)
        if phase is not Phase.RECEIVED:
            self._last_result = result
            self._command = self._properties = None

    def send_sms(self) -> None:
        """Send the box an SMS, which comes late or never."""
        parameters = self.spec.parameters
        if self._stream.uniform() >= parameters.sms_loss:
            delay_s = parameters.sms_wake.sample_s(self._stream)
            self._world.later(delay_s, self.modem.receive_sms)

    def heartbeat(self) -> None:
        """Send telemetry, if there is a connection."""
        telemetry = Telemetry(
            signal_dbm=SIGNAL_DBM,
            voltage_v=self.vehicle.voltage_v,
            position_age_s=self._world.env.now % POSITION_REFRESH_S,
        )
        self.modem.publish_heartbeat(codec.encode(telemetry))

    def _publish_result(self, result: Result, properties: PublishProperties | None) -> None:
        self.modem.publish(TopicKind.RESULT, codec.encode(result), properties=properties)

    def _publish_state(self) -> None:
        spec, vehicle = self.spec, self.vehicle
        state = VehicleState(
            is_locked=vehicle.is_locked,
            is_open=vehicle.is_open,
            voltage_v=vehicle.voltage_v,
            firmware=spec.firmware,
            hardware=spec.hardware,
            operator=spec.operator,
            region=spec.region,
            last_command_id=vehicle.last_command_id,
        )
        self.modem.publish(TopicKind.STATE, codec.encode(state), retain=True)
