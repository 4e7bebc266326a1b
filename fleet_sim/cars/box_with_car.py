"""The box and its car without any command: its own messages, and actions by hand.

`fleet_sim.cars.box` builds on this and handles commands.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TypeVar

import msgspec

from fleet_sim.cars.box_clock import BoxClock
from fleet_sim.cars.box_states import ConnectionState, Power
from fleet_sim.cars.failpoints import CLOCK, SMS, CarFailpoints, Culprit, Failpoint
from fleet_sim.cars.modem import Modem
from fleet_sim.cars.movements import Movement
from fleet_sim.cars.power import PowerControl
from fleet_sim.cars.spec import STREET, CarSpec
from fleet_sim.cars.vehicle import Door, Vehicle
from fleet_sim.cars.world import World
from fleet_sim.heartbeats import Member, Routine
from fleet_wire.contract.messages import CarEvent, Command, EventName, Telemetry, VehicleState
from fleet_wire.contract.topics import TopicKind
from fleet_wire.randomness import RandomStream

ValueT = TypeVar("ValueT")
ContextT = TypeVar("ContextT")


class BoxWithCar:
    """A box with its car. The subclass supplies its parts."""

    __slots__ = (
        "_clock",
        "_stream",
        "_world",
        "modem",
        "power",
        "spec",
        "vehicle",
    )

    _clock: BoxClock
    _stream: RandomStream
    _world: World
    modem: Modem
    power: PowerControl
    spec: CarSpec
    vehicle: Vehicle

    @property
    def vehicle_id(self) -> str:
        """Return the car's id, a level of its topics."""
        return self.spec.vehicle_id

    @property
    def is_awake(self) -> bool:
        """Return whether the box wants a connection."""
        return self.power.state is Power.AWAKE

    @property
    def is_asleep(self) -> bool:
        """Return whether the box sleeps of its own accord."""
        return self.power.state is Power.ASLEEP

    def set_action(
        self,
        failpoint: Failpoint[ValueT, ContextT],
        action: Callable[[ValueT, ContextT], ValueT],
        *,
        by: Culprit,
    ) -> AbstractContextManager[None]:
        """Return a context in which `action` decides what happens at `failpoint`."""
        failpoints = self.modem.failpoints
        self.modem.speak_for_itself()
        if failpoints is None:
            env = self._world.env
            failpoints = self.modem.failpoints = CarFailpoints(
                self.vehicle_id, self.modem, lambda: env.now
            )
        return failpoints.in_force(failpoint, action, by)

    def trusts_certificates(self) -> bool:
        """Return whether the clock lets the box find the broker's certificate valid.

        A fault that has set the clock so that this changes is at fault for the connection.
        """
        trusts, changed_by = self._clock.trusts_certificates(self.modem.failpoints)
        for culprit in changed_by:
            self.modem.blame(culprit, CLOCK.name)
        return trusts

    def knows_the_time(self) -> bool:
        """Return whether certificates are valid at the time that the box's clock shows."""
        return self._clock.knows_the_time(self.modem.failpoints)

    def came_online(self) -> None:
        """Publish the car's state, and whether the box stays."""
        self._publish_state()
        self.power.came_online()
        run = self.power.run
        if not run.is_told:
            run.is_told = True
            firmware = run.firmware or self.spec.traits.firmware
            self.publish_event(CarEvent(EventName.BOOT, boots=run.boots, firmware=firmware))

    def goodbye_lost(self) -> None:
        """Stay awake until others know that the box sleeps."""
        self.power.goodbye_lost()

    def coverage_returned(self) -> None:
        """Receive what waited in the network."""
        self.power.coverage_returned()

    # Actions without a command

    def booted(self) -> None:
        """Look for the time, where the clock has lost it."""
        parameters = self.spec.parameters
        if not parameters.keeps_time:
            sync_s = parameters.clock_sync.sample_s(self._stream)
            self.power.later(sync_s, self._clock.synchronise)

    def send_sms(self) -> None:
        """Send the box an SMS, which comes late or never.

        One that fails at first is sent again.
        """
        parameters, failpoints = self.spec.parameters, self.modem.failpoints
        is_lost = self._stream.happens(parameters.sms_loss)
        if failpoints is not None and failpoints.at_work_on(SMS):
            is_lost = False  # the fault's loss takes the place of the ordinary one
        delay_s = None if is_lost else parameters.sms_wake.sample_s(self._stream)
        first_failure = parameters.sms_first_failure
        if delay_s is not None and first_failure and self._stream.happens(first_failure):
            delay_s += parameters.sms_retry.sample_s(self._stream)
        if failpoints is not None:
            delay_s = failpoints.at(SMS, None, usual=delay_s)
        if delay_s is not None:
            self._world.later(delay_s, self.power.receive_sms)

    def heartbeat(self, routine: Routine | None = None, number: int = 0) -> None:
        """Send telemetry, if there is a connection, and offer to send the next by `routine`.

        `number` is the box's turn among those of one moment.
        """
        if self.modem.connection is not ConnectionState.CONNECTED:
            return
        telemetry = self.telemetry_at(self._world.env.now)
        if routine is not None and self.modem.may_have_routine:
            member = self.vehicle.member = Member(routine, number, self)
            self.modem.offer(telemetry, member)
        else:
            self.modem.publish(TopicKind.TELEMETRY, telemetry)

    def joined(self, routine: Routine) -> None:
        """Handle that `routine` sends the coming heartbeats."""
        self.modem.follow(routine)

    def left(self) -> None:
        """Handle that the box sends its heartbeats itself again."""
        self.modem.follow(None)
        self.modem.member = self.vehicle.member = None

    def catch_up(self) -> None:
        """Make the radio carry the heartbeats that the routine has sent so far."""
        self.modem.catch_up()

    def telemetry_at(self, now_s: float) -> Telemetry:
        """Return what a heartbeat says at a simulated second, as the car is now."""
        run, used_bytes = self.power.run, self.modem.data_used_bytes
        telemetry = Telemetry(
            signal_dbm=self.modem.signal_at_dbm(now_s),
            voltage_v=self.vehicle.voltage_v,
            position_age_s=self.vehicle.position_age_s(now_s),
        )
        if run.booted_s is not None or used_bytes is not None:
            telemetry = msgspec.structs.replace(
                telemetry,
                boots=run.boots or None,
                uptime_s=None if run.booted_s is None else now_s - run.booted_s,
                data_used_bytes=used_bytes,
            )
        return telemetry

    def publish_event(self, event: CarEvent) -> None:
        """Send an event, if there is a connection: it is not worth waiting for."""
        if self.modem.connection is ConnectionState.CONNECTED:
            self.modem.publish(TopicKind.EVENT, event)

    def notice(self) -> None:
        """Publish changes of the car, if the box notices them."""
        if self.power.is_running:
            self._publish_state()

    def _publish_state(
        self, command_id: str | None = None, *, is_locked: bool | None = None
    ) -> None:
        """Publish the car's state; `is_locked` overrides the lock for the moment."""
        traits, vehicle = self.spec.traits, self.vehicle
        state = VehicleState(
            is_locked=vehicle.is_locked if is_locked is None else is_locked,
            is_open=vehicle.is_driver_door_open,
            voltage_v=vehicle.voltage_v,
            firmware=self.power.run.firmware or traits.firmware,
            hardware=traits.hardware,
            operator=traits.operator,
            region=traits.region,
            last_command_id=vehicle.last_command_id,
            signals=vehicle.signals(),
            technology=traits.technology,
            site=None if traits.site == STREET else traits.site,
        )
        self.modem.publish(TopicKind.STATE, state, command_id=command_id)

    # What is done by hand

    def pull_handle(self) -> bool:
        """Open the driver's door for a customer; return whether it opens."""
        if self.vehicle.is_door_locked(Door.DRIVER):
            return False
        self.vehicle.is_open = True
        self.notice()
        return True

    def unlock_by_key(self, *, is_good: bool) -> bool:
        """Unlock for a phone beside the car, which shows its key; return whether it is taken.

        It takes neither network nor platform. The box tells of it where it has a connection.
        """
        if not self.power.is_running:
            return False
        if not is_good:
            self.publish_event(CarEvent(EventName.BLE_KEY_EXPIRED))
            return False
        self.vehicle.move_lock(self._world.env.now, to_locked=False)
        self._report_movement(self._world.env.now, None)
        self.notice()
        self.publish_event(CarEvent(EventName.BLE_UNLOCK))
        return not self.vehicle.is_door_locked(Door.DRIVER)

    def shut_door(self) -> None:
        """Shut the driver's door after a customer has got out."""
        self.vehicle.is_open = False
        self.notice()

    def lock_on_the_spot(self) -> None:
        """Lock the car by itself or by its key: no command moves the lock."""
        now_s = self._world.env.now
        self.vehicle.move_lock(now_s, to_locked=True)
        self._report_movement(now_s, None)
        self.notice()

    def _open_door(self, movement: int) -> None:
        """Open the driver's door, unless the lock has moved since."""
        if self.vehicle.movement == movement:
            self.vehicle.is_open = True
            self.notice()

    def _relock(self, movement: int) -> None:
        """Lock again, unless a door was opened or the lock has moved since."""
        if self.vehicle.movement == movement and not self.vehicle.is_open:
            self.lock_on_the_spot()

    def _report_movement(self, now_s: float, command: Command | None) -> None:
        on_movement = self._world.on_movement
        if on_movement is not None:
            is_locked = self.vehicle.is_door_locked(Door.DRIVER)
            on_movement(Movement(self.vehicle_id, now_s, command, is_locked))
