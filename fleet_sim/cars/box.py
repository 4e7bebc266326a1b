"""The telematics box: takes commands, moves the lock, and answers.

The model runs on a plain `simpy.Environment` and speaks to a broker through a `Link`; it cannot
tell whether the environment follows the clock or runs ahead of it. Whatever takes no time happens
at once, without an event, so that a box without delays shows what the stack itself costs.
"""

from __future__ import annotations

from math import fsum

import msgspec

from fleet_sim.cars.box_states import WORK, Power, Work, WorkEvent, after
from fleet_sim.cars.modem import Modem
from fleet_sim.cars.power import PowerControl
from fleet_sim.cars.spec import CarSpec
from fleet_sim.cars.troubles import Troubles, any_happens
from fleet_sim.cars.vehicle import CAN_GIVE_UP_S, Vehicle
from fleet_sim.cars.world import World
from fleet_wire.contract import codec
from fleet_wire.contract.messages import (
    Action,
    Command,
    Phase,
    Reason,
    Result,
    Telemetry,
    VehicleState,
)
from fleet_wire.contract.signing import is_signed, vehicle_key
from fleet_wire.contract.topics import TopicKind
from fleet_wire.errors import RemoteProtocolError
from fleet_wire.links.link import Message, PublishProperties
from fleet_wire.links.reconnect import ReconnectPolicy

SIGNAL_DBM = -85.0
"""What a box reports: a fair LTE signal."""
POSITION_REFRESH_S = 1800.0
"""A parked box takes a position every 30 minutes (INVERS, standby GNSS refresh)."""


class _Job(msgspec.Struct, frozen=True, gc=False):
    """The command that a box works on."""

    command: Command
    properties: PublishProperties | None
    """Of the answers."""
    received_s: float


class Box:
    """One box: its power, its modem, its car, and the command it works on."""

    __slots__ = (
        "_clock_error_s",
        "_job",
        "_key",
        "_last_counter",
        "_last_result",
        "_stream",
        "_troubles",
        "_work",
        "_world",
        "modem",
        "power",
        "spec",
        "vehicle",
    )

    def __init__(self, world: World, spec: CarSpec) -> None:
        self._world = world
        self.spec = spec
        self._stream = world.stream(f"{spec.vehicle_id}/box")
        self._clock_error_s = spec.parameters.clock_error.sample_s(self._stream)
        self._key = vehicle_key(world.fleet_secret, spec.vehicle_id)
        self._work = Work.IDLE
        self._job: _Job | None = None
        self._last_counter = -1
        self._last_result: Result | None = None
        self._troubles: Troubles | None = None
        self.vehicle = Vehicle(spec.parameters, world.stream(f"{spec.vehicle_id}/vehicle"))
        self.modem = Modem(world, spec, self)
        self.power = PowerControl(world, spec, self.modem, self)

    @property
    def vehicle_id(self) -> str:
        """Return the car's id, a level of its topics."""
        return self.spec.vehicle_id

    @property
    def is_busy(self) -> bool:
        """Return whether a command is being worked on."""
        return self._work is not Work.IDLE

    @property
    def is_awake(self) -> bool:
        """Return whether the box wants a connection."""
        return self.power.state is Power.AWAKE

    @property
    def reconnect_policy(self) -> ReconnectPolicy:
        """Return the firmware's rule for connecting again."""
        if self._troubles is not None and self._troubles.reconnect is not None:
            return self._troubles.reconnect
        return self.spec.parameters.reconnect

    @property
    def troubles(self) -> Troubles:
        """Return what faults have done to this box, for them to change."""
        if self._troubles is None:
            self._troubles = Troubles()
        return self._troubles

    def came_online(self) -> None:
        """Tell the others how the car is, and whether the box stays."""
        self._publish_state()
        self.power.came_online()

    def coverage_returned(self) -> None:
        """Receive what waited in the network."""
        self.power.coverage_returned()

    def take(self, message: Message) -> None:
        """Take a command; what is none is counted."""
        try:
            command = codec.decode(TopicKind.COMMAND, message.payload)
        except RemoteProtocolError:
            self._world.counts.malformed += 1
            return
        assert isinstance(command, Command)  # noqa: S101 - what decode returns for COMMAND
        world = self._world
        world.counts.commands += 1
        last, correlation_data = self._last_result, message.correlation_data
        properties = (
            PublishProperties(correlation_data=correlation_data) if correlation_data else None
        )
        if self._job is not None and self._job.command.command_id == command.command_id:
            world.counts.redelivered += 1  # the answer to the first copy is under way
        elif last is not None and last.command_id == command.command_id:
            world.counts.redelivered += 1
            self.modem.publish(TopicKind.RESULT, codec.encode(last), properties=properties)
        elif self._work is not Work.IDLE:
            world.counts.refused += 1
            refusal = Result(command.command_id, Phase.REFUSED, Reason.BUSY)
            self.modem.publish(TopicKind.RESULT, codec.encode(refusal), properties=properties)
        else:
            self._work = after(WORK, self._work, WorkEvent.COMMAND)
            self._job = job = _Job(command, properties, world.env.now)
            processing_s = self.spec.parameters.processing.sample_s(self._stream)
            world.later(processing_s, self._check, job)

    def _check(self, job: _Job) -> None:
        if self._job is not job:
            return  # the box has lost its power or crashed meanwhile
        troubles = self._troubles
        if troubles is not None and any_happens(troubles.crashes):
            self.power.reboot()
            return
        now_s = self._world.env.now
        reason = self._objection(job.command, now_s)
        if reason is not None:
            self._refuse(job, reason)
            return
        self._last_counter = job.command.counter
        self._work = after(WORK, self._work, WorkEvent.ACCEPT)
        self._answer(job, Phase.RECEIVED, now_s)
        can_wake_s = self.vehicle.can_wake_s(now_s)
        if troubles is not None and any_happens(troubles.can_bus_dead):
            self._world.later(CAN_GIVE_UP_S, self._give_up, job)
        else:
            self._world.later(can_wake_s, self._actuate, job, can_wake_s)

    def _give_up(self, job: _Job) -> None:
        if self._job is job:
            self._refuse(job, Reason.CAN_BUS_NO_ACK)

    def _objection(self, command: Command, now_s: float) -> Reason | None:
        """Return why the box does not accept a command; the signature is looked at first."""
        if not is_signed(self._key, command):
            return Reason.BAD_SIGNATURE
        if command.counter <= self._last_counter:
            return Reason.REPLAYED
        life_ms = command.expires_at_ms - self._wall_ms(now_s)
        if life_ms < 0 and not (self._troubles is not None and self._troubles.expiry_ignored):
            return Reason.EXPIRED
        if life_ms > self.spec.parameters.max_command_ttl_s * 1000:
            return Reason.TTL_TOO_LONG
        return None

    def _wall_ms(self, now_s: float) -> int:
        """Return what the box believes the time to be, in Unix milliseconds."""
        unix_s = self._world.epoch_unix_s + now_s + self._clock_error_s
        if self._troubles is not None:
            unix_s += fsum(self._troubles.clock_skews_s)
        return int(unix_s * 1000) if unix_s > 0 else 0

    def _actuate(self, job: _Job, can_wake_s: float) -> None:
        if self._job is not job:
            return
        reason = self.vehicle.refusal(self._world.env.now)
        if reason is not None:
            self._refuse(job, reason)
            return
        self._work = after(WORK, self._work, WorkEvent.CAN_AWAKE)
        actuation_s = self.vehicle.actuation_s()
        self._world.later(actuation_s, self._moved, job, can_wake_s, actuation_s)

    def _moved(self, job: _Job, can_wake_s: float, actuation_s: float) -> None:
        if self._job is not job:
            return
        now_s, command = self._world.env.now, job.command
        to_locked = command.action is Action.LOCK
        self.vehicle.move_lock(now_s, to_locked=to_locked, command_id=command.command_id)
        self._work = after(WORK, self._work, WorkEvent.MOVED)
        self._world.counts.executed += 1
        self._answer(job, Phase.EXECUTED, now_s, can_wake_s=can_wake_s, actuation_s=actuation_s)
        self._publish_state()
        relock_after_s = self.spec.parameters.relock_after_s
        if relock_after_s is not None and not to_locked:
            self._world.later(relock_after_s, self._relock, self.vehicle.movement)

    def _relock(self, movement: int) -> None:
        """Lock again, unless a door was opened or the lock has moved since."""
        if self.vehicle.movement == movement and not self.vehicle.is_open:
            self.vehicle.move_lock(self._world.env.now, to_locked=True)
            self._publish_state()

    def _refuse(self, job: _Job, reason: Reason) -> None:
        self._work = after(WORK, self._work, WorkEvent.REFUSE)
        self._world.counts.refused += 1
        self._answer(job, Phase.REFUSED, self._world.env.now, reason=reason)

    def _answer(
        self,
        job: _Job,
        phase: Phase,
        now_s: float,
        *,
        reason: Reason | None = None,
        can_wake_s: float | None = None,
        actuation_s: float | None = None,
    ) -> None:
        result = Result(
            command_id=job.command.command_id,
            phase=phase,
            reason=reason,
            can_wake_s=can_wake_s,
            actuation_s=actuation_s,
            since_received_s=now_s - job.received_s,
            box_time_ms=self._wall_ms(now_s),
        )
        if phase is not Phase.RECEIVED:
            self._last_result = result
            self._job = None
            if self._troubles is not None and any_happens(self._troubles.loses_result):
                return
        self.modem.publish(TopicKind.RESULT, codec.encode(result), properties=job.properties)

    def reset(self) -> None:
        """Forget the command being worked on: the box has lost its power."""
        self._job = None
        self._work = after(WORK, self._work, WorkEvent.RESET)

    def send_sms(self) -> None:
        """Send the box an SMS, which comes late or never."""
        parameters = self.spec.parameters
        is_lost = self._stream.uniform() < parameters.sms_loss
        if self._troubles is not None and self._troubles.loses_sms:
            is_lost = any_happens(self._troubles.loses_sms)
        if not is_lost:
            delay_s = parameters.sms_wake.sample_s(self._stream)
            self._world.later(delay_s, self.power.receive_sms)

    def heartbeat(self) -> None:
        """Send telemetry, if there is a connection."""
        telemetry = Telemetry(
            signal_dbm=SIGNAL_DBM,
            voltage_v=self.vehicle.voltage_v,
            position_age_s=self._world.env.now % POSITION_REFRESH_S,
        )
        self.modem.publish_heartbeat(codec.encode(telemetry))

    def _publish_state(self) -> None:
        traits, vehicle = self.spec.traits, self.vehicle
        state = VehicleState(
            is_locked=vehicle.is_locked,
            is_open=vehicle.is_open,
            voltage_v=vehicle.voltage_v,
            firmware=traits.firmware,
            hardware=traits.hardware,
            operator=traits.operator,
            region=traits.region,
            last_command_id=vehicle.last_command_id,
        )
        self.modem.publish(TopicKind.STATE, codec.encode(state), retain=True)
