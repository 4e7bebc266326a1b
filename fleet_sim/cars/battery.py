"""The charge of a 12 V battery in ampere-hours, and what the box and its wakes take out of it.

A car has one only if its group says so: else its voltage stays as it is at rest. Nothing happens
between two calls. The box asks with each heartbeat, and when it changes its state.
"""

from __future__ import annotations

from pydantic import Field

from fleet_sim.cars.distributions import Delay, Uniform
from fleet_wire.quantities import FrozenModel, Seconds
from fleet_wire.randomness import RandomStream

HOUR_S = 3600.0
EMPTY_DROP_V = 0.9
"""Volts at rest between a full lead-acid battery (12.7 V) and an empty one (11.8 V) [E]."""
ALERT_V = 12.2
"""A box reports a battery below this voltage (AutoPi's power manager)."""


class BatteryParameters(FrozenModel):
    """A 12 V battery, and the currents of a box that nobody charges it for."""

    nominal_capacity_ah: float = Field(
        45.0,
        gt=0,
        le=1_000,
        description="charge of the full battery (VSS Vehicle.LowVoltageBattery.NominalCapacity):"
        " a small auxiliary battery [E]",
    )
    flat_share: float = Field(
        0.1, ge=0, le=0.9, description="the box has no power below this share of the charge [E]"
    )
    asleep_a: float = Field(
        0.0065, ge=0, le=100, description="asleep: 5 to 8 mA (airmaxremote.com, hellocristo.hu)"
    )
    parked_a: float = Field(
        0.08, ge=0, le=100, description="awake in a parked car: 80 mA (smartrak.com)"
    )
    sending_a: float = Field(
        0.13, ge=0, le=100, description="while it sends, and until the radio is idle (smartrak.com)"
    )
    wake_a: float = Field(
        7.0,
        ge=0,
        le=1_000,
        description="a wake from outside wakes the car's control units too: 7 A"
        " (hyundai_kia_connect_api#970)",
    )
    wake: Delay = Field(
        Uniform(base_s=180.0, spread_s=60.0), description="they stay awake for 3 to 4 min (same)"
    )
    movement_a: float = Field(
        5.0, ge=0, le=1_000, description="the lock's motors while they move [E]"
    )
    movement_s: Seconds = Field(0.5, description="how long they move (Kia ETACS manual)")


class Battery:
    """The charge that was used since the battery was full. Times are simulated seconds."""

    __slots__ = (
        "_current_a",
        "_is_low",
        "_parameters",
        "_sending_until_s",
        "_since_s",
        "_stream",
        "_tail_s",
        "_used_ah",
        "has_cut_power",
    )

    def __init__(
        self, parameters: BatteryParameters, stream: RandomStream, *, tail_s: float
    ) -> None:
        """`tail_s` is how long the radio stays connected after it has sent something."""
        self._parameters = parameters
        self._stream = stream
        self._tail_s = tail_s
        self._current_a = 0.0
        self._since_s = 0.0
        self._sending_until_s = 0.0
        self._used_ah = 0.0
        self._is_low = False
        self.has_cut_power = False
        """Whether the box is without power because the battery is flat."""

    def used_ah(self, now_s: float) -> float:
        """Return the charge that was used, at most that of the full battery."""
        used_ah = self._used_ah + self._current_a * (now_s - self._since_s) / HOUR_S
        return min(used_ah, self._parameters.nominal_capacity_ah)

    def drop_v(self, now_s: float) -> float:
        """Return how far the voltage at rest is below that of the full battery."""
        share = self.used_ah(now_s) / self._parameters.nominal_capacity_ah
        return round(EMPTY_DROP_V * share, 3)

    def falls_low(self, voltage_v: float) -> bool:
        """Return whether the voltage is below `ALERT_V` for the first time since it was charged."""
        was_low, self._is_low = self._is_low, self._is_low or voltage_v < ALERT_V
        return self._is_low and not was_low

    def is_flat(self, now_s: float) -> bool:
        """Return whether too little is left for the box."""
        usable_share = 1.0 - self._parameters.flat_share
        return self.used_ah(now_s) >= usable_share * self._parameters.nominal_capacity_ah

    def switch_off(self, now_s: float) -> None:
        """Stop the current: the box is off."""
        self._switch(now_s, 0.0)

    def sleep(self, now_s: float) -> None:
        """Draw the current of a box that sleeps."""
        self._switch(now_s, self._parameters.asleep_a)

    def stay_awake(self, now_s: float) -> None:
        """Draw the current of a box that is awake in a parked car."""
        self._switch(now_s, self._parameters.parked_a)

    def _switch(self, now_s: float, current_a: float) -> None:
        self._used_ah = self.used_ah(now_s)
        self._since_s, self._current_a = now_s, current_a

    def wake_car(self) -> None:
        """Use the charge of the control units that a wake from outside keeps awake for a while."""
        parameters = self._parameters
        self._used_ah += parameters.wake_a * parameters.wake.sample_s(self._stream) / HOUR_S

    def send(self, now_s: float) -> None:
        """Use the charge of a message, until the radio is idle again."""
        parameters, ends_s = self._parameters, now_s + self._tail_s
        sends_s = ends_s - max(now_s, self._sending_until_s)
        self._sending_until_s = ends_s
        self._used_ah += (parameters.sending_a - parameters.parked_a) * sends_s / HOUR_S

    def move_lock(self) -> None:
        """Use the charge of the lock's motors."""
        self._used_ah += self._parameters.movement_a * self._parameters.movement_s / HOUR_S

    def charge(self, now_s: float) -> None:
        """Charge it: somebody drives the car."""
        self._used_ah, self._since_s, self._is_low = 0.0, now_s, False
