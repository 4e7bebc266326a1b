"""The car around the box: its CAN bus, its lock, its doors and its 12 V battery."""

from __future__ import annotations

from fleet_sim.cars.parameters import BoxParameters
from fleet_wire.contract.messages import Reason
from fleet_wire.randomness import RandomStream

CAN_GIVE_UP_S = 3.2
"""A bus that does not wake is given up after 10 tries (OVMS vehicle_renaultzoe_ph2)."""


class Vehicle:
    """One car. All times are seconds of simulated time."""

    __slots__ = (
        "_can_awake_until_s",
        "_inhibited_until_s",
        "_movements",
        "_parameters",
        "_stream",
        "_window_started_s",
        "is_locked",
        "is_open",
        "last_command_id",
        "movement",
        "voltage_v",
    )

    def __init__(self, parameters: BoxParameters, stream: RandomStream) -> None:
        self._parameters = parameters
        self._stream = stream
        self._can_awake_until_s = float("-inf")
        self._inhibited_until_s = float("-inf")
        self._window_started_s = float("-inf")
        self._movements = 0
        self.is_locked = True
        self.is_open = False
        self.voltage_v = parameters.voltage_v
        self.last_command_id: str | None = None
        self.movement = 0
        """Counts every movement of the lock, so that a timer can tell whether it is the latest."""

    def can_wake_s(self, now_s: float) -> float:
        """Return how long the bus takes to answer, and keep it awake from then on."""
        parameters = self._parameters
        is_awake = now_s < self._can_awake_until_s
        delay = parameters.can_awake if is_awake else parameters.can_wake
        delay_s = delay.sample_s(self._stream)
        self._can_awake_until_s = now_s + delay_s + parameters.can_stays_awake_s
        return delay_s

    def actuation_s(self) -> float:
        """Return how long the lock motors take."""
        return self._parameters.actuation.sample_s(self._stream)

    def refusal(self, now_s: float) -> Reason | None:
        """Return why the lock would not move now, or None."""
        if self.voltage_v < self._parameters.actuator_min_v:
            return Reason.LOW_VOLTAGE
        if now_s < self._inhibited_until_s:
            return Reason.ACTUATOR_INHIBITED
        return None

    def move_lock(self, now_s: float, *, to_locked: bool, command_id: str | None = None) -> None:
        """Lock or unlock, and notice when it happens too often (thermal protection)."""
        parameters = self._parameters
        if now_s - self._window_started_s >= parameters.inhibit_window_s:
            self._window_started_s = now_s
            self._movements = 0
        self._movements += 1
        if self._movements >= parameters.inhibit_count:
            self._inhibited_until_s = now_s + parameters.inhibit_s
        self.is_locked = to_locked
        self.last_command_id = command_id
        self.movement += 1
