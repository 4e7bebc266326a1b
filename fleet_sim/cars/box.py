"""The telematics box: power, modem, clock, the car around it, and the commands that it handles.

The model runs in an environment of SimPy and speaks to a broker through a `Link`. It cannot
tell whether the environment follows the clock or runs ahead of it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TypeVar

import msgspec

from fleet_sim.cars.box_clock import BoxClock
from fleet_sim.cars.box_states import Power
from fleet_sim.cars.command_handler import CommandHandler
from fleet_sim.cars.failpoints import CLOCK, SMS, CarFailpoints, Culprit, Failpoint
from fleet_sim.cars.modem import Modem
from fleet_sim.cars.movements import Movement
from fleet_sim.cars.power import PowerControl
from fleet_sim.cars.spec import STREET, CarSpec
from fleet_sim.cars.vehicle import Door, Vehicle
from fleet_sim.cars.world import World
from fleet_wire.contract.messages import CarEvent, Command, EventName, Telemetry, VehicleState
from fleet_wire.contract.topics import TopicKind
from fleet_wire.links.link import Message

ValueT = TypeVar("ValueT")
ContextT = TypeVar("ContextT")


class Box:
    """One box: its parts, what it says of its own accord, and what people do by hand."""

    __slots__ = (
        "_commands",
        "clock",
        "failpoints",
        "modem",
        "power",
        "spec",
        "stream",
        "vehicle",
        "world",
    )

    def __init__(self, world: World, spec: CarSpec) -> None:
        self.world = world
        self.spec = spec
        self.failpoints: CarFailpoints | None = None
        """The failpoint actions on the car; None while no fault has touched it."""
        self.stream = world.stream(f"{spec.vehicle_id}/box")
        self.clock = BoxClock(self)
        self.vehicle = Vehicle(spec.parameters, world.stream(f"{spec.vehicle_id}/vehicle"))
        self.modem = Modem(self)
        self.power = PowerControl(self)
        self._commands: CommandHandler | None = None
        """The handler of its commands; None until the first one comes."""

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
        failpoints = self.failpoints
        if failpoints is None:
            env = self.world.env
            failpoints = self.failpoints = CarFailpoints(
                self.vehicle_id, blame=self.modem.connection.blame, now_s=lambda: env.now
            )
        return failpoints.in_force(failpoint, action, by)

    def trusts_certificates(self) -> bool:
        """Return whether the clock lets the box find the broker's certificate valid.

        A fault that has set the clock so that this changes is at fault for the connection.
        """
        trusts, changed_by = self.clock.trusts_certificates()
        for culprit in changed_by:
            self.modem.connection.blame(culprit, CLOCK.name)
        return trusts

    def knows_the_time(self) -> bool:
        """Return whether certificates are valid at the time that the box's clock shows."""
        return self.clock.knows_the_time()

    def came_online(self) -> None:
        """Publish the car's state, the boot if it is new, and whether the box stays."""
        self.publish_state()
        self.power.came_online()
        run = self.power.run
        if not run.is_told:
            run.is_told = True
            firmware = run.firmware or self.spec.traits.firmware
            self.publish_event(CarEvent(EventName.BOOT, boots=run.boots, firmware=firmware))

    @property
    def is_busy(self) -> bool:
        """Return whether a command is being worked on."""
        return self._commands is not None and self._commands.is_busy

    def handle_message(self, message: Message) -> None:
        """Handle a command; other messages are counted."""
        if self._commands is None:
            self._commands = CommandHandler(self)
        self._commands.handle(message)

    def connection_ended(self) -> None:
        """Forget what was on its way on a connection that has ended."""
        self.modem.forget_messages()

    def goodbye_lost(self) -> None:
        """Wake up: others do not know yet that the box sleeps."""
        self.power.goodbye_lost()

    def coverage_returned(self) -> None:
        """Receive what waited in the network."""
        self.power.coverage_returned()

    def reset(self) -> None:
        """Forget what was being done and answered: the firmware has crashed."""
        if self._commands is not None:
            self._commands.reset()

    def lost_power(self) -> None:
        """Forget what was being done, and without a backup battery the time too."""
        self.reset()
        self.clock.lost_power()

    # Actions without a command

    def booted(self) -> None:
        """Look for the time, where the clock has lost it."""
        parameters = self.spec.parameters
        if not parameters.keeps_time:
            sync_s = parameters.clock_sync.sample_s(self.stream)
            self.power.later(sync_s, self.clock.synchronise)

    def send_sms(self) -> None:
        """Send the box an SMS, which comes late or never.

        One that fails at first is sent again.
        """
        parameters, failpoints = self.spec.parameters, self.failpoints
        is_lost = self.stream.happens(parameters.sms_loss)
        if failpoints is not None and failpoints.at_work_on(SMS):
            is_lost = False  # the fault's loss takes the place of the ordinary one
        delay_s = None if is_lost else parameters.sms_wake.sample_s(self.stream)
        first_failure = parameters.sms_first_failure
        if delay_s is not None and first_failure and self.stream.happens(first_failure):
            delay_s += parameters.sms_retry.sample_s(self.stream)
        if failpoints is not None:
            delay_s = failpoints.at(SMS, None, usual=delay_s)
        if delay_s is not None:
            self.world.later(delay_s, self.power.receive_sms)

    def heartbeat(self) -> None:
        """Send telemetry, if there is a connection."""
        if not self.modem.connection.is_up:
            return
        power, modem, vehicle, now_s = self.power, self.modem, self.vehicle, self.world.env.now
        if power.battery is not None:
            power.battery.send(now_s)
            self._measure_battery(now_s)
        run, meter = power.run, modem.uplink.meter
        telemetry = Telemetry(
            modem.bearer.signal_dbm(now_s), vehicle.voltage_v, vehicle.position_age_s(now_s)
        )
        if run.booted_s is not None or meter is not None:
            telemetry = msgspec.structs.replace(
                telemetry,
                boots=run.boots or None,
                uptime_s=None if run.booted_s is None else now_s - run.booted_s,
                data_used_bytes=None if meter is None else meter.used_bytes,
            )
        modem.publish(TopicKind.TELEMETRY, telemetry)

    def publish_event(self, event: CarEvent) -> None:
        """Send an event, if there is a connection: it is not worth waiting for."""
        if self.modem.connection.is_up:
            self.modem.publish(TopicKind.EVENT, event)

    def notice(self) -> None:
        """Publish changes of the car, if the box notices them."""
        if self.power.is_running:
            self.publish_state()

    def publish_state(
        self, command_id: str | None = None, *, is_locked: bool | None = None
    ) -> None:
        """Publish the car's state; `is_locked` overrides the lock for the moment."""
        traits, vehicle, now_s = self.spec.traits, self.vehicle, self.world.env.now
        if self.power.battery is not None:
            self.power.battery.send(now_s)
        self._measure_battery(now_s)
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

    def _measure_battery(self, now_s: float) -> None:
        """Set the voltage by the battery's charge, where that is counted, and report a low one."""
        battery = self.power.battery
        if battery is None:
            return
        self.vehicle.discharge(battery.drop_v(now_s))
        if battery.falls_low(self.vehicle.voltage_v):
            self.publish_event(CarEvent(EventName.LOW_VOLTAGE))

    # What is done by hand

    def pull_handle(self) -> bool:
        """Open the driver's door for a customer; return whether it opens.

        The drive charges the battery.
        """
        if self.vehicle.is_door_locked(Door.DRIVER):
            return False
        self.vehicle.is_open = True
        if self.power.battery is not None:
            self.power.battery.charge(self.world.env.now)
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
        self.vehicle.move_lock(self.world.env.now, to_locked=False)
        self.report_movement(None)
        self.notice()
        self.publish_event(CarEvent(EventName.BLE_UNLOCK))
        return not self.vehicle.is_door_locked(Door.DRIVER)

    def drive_off(self) -> None:
        """Start the engine: the car takes no command until it stands again."""
        self.vehicle.change(is_ignition_on=True)

    def get_out(self) -> None:
        """Stop the engine, get out and shut the door."""
        self.vehicle.change(is_ignition_on=False)
        self.shut_door()

    def shut_door(self) -> None:
        """Shut the driver's door after a customer has got out."""
        self.vehicle.is_open = False
        self.notice()

    def lock_on_the_spot(self) -> None:
        """Lock the car by itself or by its key: no command moves the lock."""
        self.vehicle.move_lock(self.world.env.now, to_locked=True)
        self.report_movement(None)
        self.notice()

    def open_door(self, movement: int) -> None:
        """Open the driver's door, unless the lock has moved since."""
        if self.vehicle.movement == movement:
            self.vehicle.is_open = True
            self.notice()

    def relock(self, movement: int) -> None:
        """Lock again, unless a door was opened or the lock has moved since."""
        if self.vehicle.movement == movement and not self.vehicle.is_open:
            self.lock_on_the_spot()

    def report_movement(self, command: Command | None) -> None:
        """Report a movement of the lock to whoever watches the fleet."""
        if self.power.battery is not None:
            self.power.battery.move_lock()
        on_movement = self.world.on_movement
        if on_movement is not None:
            is_locked = self.vehicle.is_door_locked(Door.DRIVER)
            on_movement(Movement(self.vehicle_id, self.world.env.now, command, is_locked))
