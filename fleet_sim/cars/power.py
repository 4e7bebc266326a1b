"""The power of a box: off, booting, awake or in one of two sleeps, and what changes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import msgspec

from fleet_sim.cars.battery import Battery
from fleet_sim.cars.box_states import POWER, Power, PowerEvent, next_state
from fleet_sim.cars.connection import ConnectedBox
from fleet_sim.cars.failpoints import RESUME, Culprit, undone_by
from fleet_sim.cars.modem import Modem

DOZE_RETRY_S = 10.0
"""A box that is busy when it should fall asleep tries again after so long [E]."""
BATTERY_LOOK_S = 600.0
"""How often it is looked whether the battery is flat, or charged again."""


class PoweredBox(ConnectedBox, Protocol):
    """A box, as its power knows it."""

    modem: Modem

    @property
    def is_busy(self) -> bool:
        """Return whether the box must stay awake."""
        ...

    def reset(self) -> None:
        """Forget what was being done: the firmware has crashed."""
        ...

    def lost_power(self) -> None:
        """Forget what was being done, and what only power keeps."""
        ...

    def booted(self) -> None:
        """Begin anew: the power is back."""
        ...


class Run(msgspec.Struct, gc=False):
    """One run of a box's firmware, from a boot until it loses its power or crashes."""

    boots: int
    """How many boots there were, this one included."""
    firmware: str | None
    """What runs; None: what the car came with."""
    booted_s: float | None = None
    """When it was done; None: before the simulation, or not yet."""
    is_told: bool = False
    """Whether the others have been told of the boot."""


FIRST_RUN = Run(0, None, is_told=True)
"""That of a box which runs since before the simulation: one object for all."""


def _battery_of(box: PoweredBox) -> Battery | None:
    parameters = box.spec.parameters
    if parameters.battery is None:
        return None
    stream = box.world.stream(f"{box.spec.vehicle_id}/battery")
    return Battery(parameters.battery, stream, tail_s=parameters.radio.idle_after_s)


class PowerControl:
    """The power of one box. Its verbs are for the fleet, the SMS centre and the faults."""

    __slots__ = (
        "_awakenings",
        "_box",
        "_is_sleeper",
        "_power_cuts",
        "_sleeps_when_known",
        "_sms_waits",
        "_stream",
        "battery",
        "run",
        "state",
    )

    def __init__(self, box: PoweredBox) -> None:
        self._box = box
        self._stream = box.world.stream(f"{box.spec.vehicle_id}/power")
        self._is_sleeper = False
        """Whether the box falls asleep when it is not needed."""
        self._awakenings = 0
        """How often it came online or was needed: it sleeps a while after the last time."""
        self._sleeps_when_known = False
        self._sms_waits = False
        self._power_cuts = 0
        self.battery = _battery_of(box)
        """The 12 V battery; None where its charge is not counted."""
        self.run = FIRST_RUN
        """A new one with each loss of power, crash and boot: what was begun in another is void."""
        self.state = Power.OFF

    def start(self) -> None:
        """Begin the simulation: most boxes have been running, some have no power or sleep."""
        parameters = self._box.spec.parameters
        self._is_sleeper = self._sleeps_when_known = self._stream.happens(parameters.asleep_share)
        if self._stream.happens(parameters.cold_start_share):
            self._box.lost_power()
            self._switch_on()
        else:
            self.state = Power.AWAKE
            self._box.modem.dialler.connect()
        self._draw_current()
        if self.battery is not None:
            self._box.world.later(BATTERY_LOOK_S, self._look_at_battery)

    @property
    def is_running(self) -> bool:
        """Return whether the box computes, also while it sleeps."""
        return self.state not in (Power.OFF, Power.BOOTING)

    def _switch_on(self) -> None:
        """Give the box power: it boots, then connects."""
        self._change(PowerEvent.SWITCH_ON)
        self.later(self._box.spec.parameters.boot.sample_s(self._stream), self._booted)

    def _booted(self) -> None:
        self._change(PowerEvent.BOOTED)
        self.run.booted_s = self._box.world.env.now
        self._box.booted()
        self._box.modem.dialler.boot()

    @contextmanager
    def without_power(self, *, by: Culprit) -> Iterator[None]:
        """Cut the power silently; the broker finds out by keepalive.

        The memory is lost, as after a crash; the clock needs a battery of its own. The box boots
        when the last of several such cuts ends.
        """
        self._box.modem.connection.blame(by, "power")
        self._cut_power()
        with undone_by(self._end_power_cut):
            yield

    def _cut_power(self) -> None:
        self._power_cuts += 1
        if self.state is not Power.OFF:
            self._change(PowerEvent.SWITCH_OFF)
            self._box.lost_power()
            self._box.modem.lose_power()

    def _end_power_cut(self) -> None:
        self._power_cuts -= 1
        if not self._power_cuts:
            self._switch_on()

    def reboot(
        self, *, by: Culprit, takes_s: float | None = None, firmware: str | None = None
    ) -> None:
        """Crash and boot again. The socket goes with the firmware: the will is published.

        It takes as long as with any crash, or `takes_s`; from then on another `firmware` runs.
        """
        if self.state is not Power.OFF:
            self._box.modem.connection.blame(by, "reboot")
            self._change(PowerEvent.SWITCH_OFF)
            self._box.reset()
            self._box.modem.restart()
            self._change(PowerEvent.SWITCH_ON)
            if firmware is not None:
                self.run.firmware = firmware
            if takes_s is None:
                takes_s = self._box.spec.parameters.reboot.sample_s(self._stream)
            self.later(takes_s, self._booted)

    def later(self, delay_s: float, then: Callable[[], None]) -> None:
        """Call `then` after simulated time, unless the box loses its power or crashes before."""
        self._box.world.later(delay_s, self._go_on, then, self.run)

    def _go_on(self, then: Callable[[], None], run: Run) -> None:
        if run is self.run:
            then()

    def came_online(self) -> None:
        """Publish that the box is there; one that only had to register reports that it sleeps."""
        if self._sleeps_when_known:
            self._sleeps_when_known = False
            self._fall_asleep()
        else:
            self._box.modem.publish_online()
            self._sleep_later()

    def _fall_asleep(self) -> None:
        """Publish it and leave the broker; from now on only an SMS wakes the box."""
        self._change(PowerEvent.FALL_ASLEEP)
        self._box.modem.leave_for_sleep()

    def stay_awake(self) -> None:
        """Stay connected after all: the box is needed while it says goodbye."""
        self._change(PowerEvent.NEEDED)
        self._box.modem.publish_online()
        self._sleep_later()

    def goodbye_lost(self) -> None:
        """Wake up: nobody knows that the box sleeps, so nobody would send it an SMS."""
        self._change(PowerEvent.NEEDED)

    def _sleep_later(self) -> None:
        """Fall asleep after a while online in which nobody needs the box."""
        if self._is_sleeper:
            self._awakenings += 1
            awake_s = self._box.spec.parameters.awake_after_wake_s
            self._box.world.later(awake_s, self._doze, self._awakenings)

    def receive_sms(self) -> None:
        """Wake up, if asleep. While there is no coverage the SMS waits in the network."""
        if not self._box.modem.connection.has_coverage:
            self._sms_waits = True
        elif self.state is Power.ASLEEP and self._box.modem.says_goodbye:
            self.stay_awake()
        elif self.state is Power.ASLEEP:
            self._change(PowerEvent.SMS)
            if self.battery is not None:
                self.battery.wake_car()
            self.later(self._resume_s(), self._on_resumed)

    def coverage_returned(self) -> None:
        """Receive what waited in the network."""
        if self._sms_waits:
            self._sms_waits = False
            self.receive_sms()

    def sleep_deeply(self, duration_s: float, *, by: Culprit) -> None:
        """Switch the modem off for a while. With coverage it disconnects, and presence stays."""
        if self.state is Power.AWAKE:
            self._box.modem.connection.blame(by, "deep_sleep")
            self._change(PowerEvent.FALL_DEEPLY_ASLEEP)
            self._box.modem.connection.leave()
            self.later(duration_s, self._timer_wakes)

    def _timer_wakes(self) -> None:
        self._change(PowerEvent.TIMER)
        self.later(self._resume_s(), self._on_resumed)

    def _resume_s(self) -> float:
        """Return how long the modem takes to come back."""
        resume_s = self._box.spec.parameters.modem_resume.sample_s(self._stream)
        failpoints = self._box.failpoints
        return resume_s if failpoints is None else failpoints.at(RESUME, None, usual=resume_s)

    def _on_resumed(self) -> None:
        self._change(PowerEvent.RESUMED)
        self._box.modem.dialler.connect()

    def _doze(self, awakening: int) -> None:
        """Fall asleep, unless the box was needed since, or cannot say that it does."""
        if awakening != self._awakenings:
            return
        if self._box.is_busy:
            self._box.world.later(DOZE_RETRY_S, self._doze, awakening)
        elif self.state is Power.AWAKE and self._box.modem.connection.is_up:
            self._fall_asleep()

    def _change(self, event: PowerEvent) -> None:
        if event is PowerEvent.SWITCH_OFF:
            self.run = Run(self.run.boots, self.run.firmware)
        elif event is PowerEvent.SWITCH_ON:
            self.run = Run(self.run.boots + 1, self.run.firmware)
        counts = self._box.world.counts
        counts.asleep -= self._sleeps
        self.state = next_state(POWER, self.state, event)
        counts.asleep += self._sleeps
        self._draw_current()

    def _draw_current(self) -> None:
        """Draw from the battery what the present state takes."""
        battery, now_s = self.battery, self._box.world.env.now
        if battery is None:
            return
        if self.state is Power.OFF:
            battery.switch_off(now_s)
        elif self._sleeps:
            battery.sleep(now_s)
        else:
            battery.stay_awake(now_s)

    def _look_at_battery(self) -> None:
        """Lose the power of a flat battery, and boot when it is charged again."""
        world, battery = self._box.world, self.battery
        assert battery is not None  # noqa: S101 - else nobody looks
        is_flat = battery.is_flat(world.env.now)
        if is_flat is not battery.has_cut_power:
            battery.has_cut_power = is_flat
            (self._cut_power if is_flat else self._end_power_cut)()
        world.later(BATTERY_LOOK_S, self._look_at_battery)

    @property
    def _sleeps(self) -> bool:
        return self.state is Power.ASLEEP or self.state is Power.DEEP_ASLEEP
