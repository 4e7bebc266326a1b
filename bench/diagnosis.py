"""What a failed unlock takes to diagnose, on one core: `python -m bench.diagnosis`."""

from __future__ import annotations

import time
from dataclasses import dataclass

from fleet_wire.contract.attempt import Attempt, Source
from fleet_wire.contract.causes import Cause, outcome_of
from fleet_wire.contract.diagnosis import Diagnosis
from fleet_wire.contract.messages import Presence, PresenceStatus, Telemetry, VehicleState
from platform_probe.judge.diagnosis.diagnosing import Diagnosing
from platform_probe.judge.weights import shipped_ranking

CARS = 10_000
FAILURES = 5_000
HEARTBEATS = 100_000


@dataclass
class TurnedClock:
    """Both clocks, as the benchmark sets them."""

    now_s: float = 0.0

    def monotonic_s(self) -> float:
        """Return the monotonic clock."""
        return self.now_s

    def unix_s(self) -> float:
        """Return the wall clock."""
        return 1_767_225_600.0 + self.now_s


def measure(cars: int = CARS, failures: int = FAILURES, heartbeats: int = HEARTBEATS) -> str:
    """Return failures diagnosed and heartbeats noted a second of CPU, as a line."""
    clock, told = TurnedClock(), list[Diagnosis]()
    diagnosing = Diagnosing(shipped_ranking(), clock=clock, tell=told.append)
    for car in range(cars):
        _introduce(diagnosing, car)
    clock.now_s = 100.0
    began_s = time.process_time()
    for number in range(heartbeats):
        beat = Telemetry(-80.0, 12.5, 0.0)
        diagnosing.on_message(f"car-{number % cars}", beat, is_retained=False)
    beat_s = (time.process_time() - began_s) / heartbeats
    attempts = [_failed(clock, number, cars) for number in range(failures)]
    began_s = time.process_time()
    for attempt in attempts:
        diagnosing.handle_record(attempt)
    taken_s = (time.process_time() - began_s) / failures
    return (
        f"{1 / taken_s:,.0f} failures a second of one core, {taken_s * 1e6:.0f} us each;"
        f" a heartbeat takes {beat_s * 1e6:.2f} us more"
    )


def _introduce(diagnosing: Diagnosing, car: int) -> None:
    name = f"car-{car}"
    state = VehicleState(
        is_locked=True,
        is_open=False,
        voltage_v=12.6,
        firmware=f"2.{car % 3}",
        hardware="tcu-3",
        operator=f"operator-{car % 2}",
        region=f"region-{car % 5}",
    )
    online = Presence(PresenceStatus.ONLINE, "s")
    diagnosing.on_message(name, online, is_retained=True)
    diagnosing.on_message(name, state, is_retained=True)


def _failed(clock: TurnedClock, number: int, cars: int) -> Attempt:
    return Attempt(
        attempt_id=f"a{number}",
        command_id=f"c{number}",
        vehicle_id=f"car-{number * 7 % cars}",
        trace_id=f"t{number}",
        source=Source.PROBE,
        started_at=clock.unix_s() - 20.0,
        scheduled_s=float(number),
        outcome=outcome_of(Cause.BOX_SILENT),
        cause=Cause.BOX_SILENT,
        total_s=20.0,
        stages={"intended": 0.0, "published": 0.001, "broker_accepted": 0.002},
        hops_s={"published": 0.001, "broker_accepted": 0.001, "box_received": 19.998},
        region="region-1",
        operator="operator-1",
        firmware="2.1",
        hardware="tcu-3",
    )


if __name__ == "__main__":
    print(measure())
