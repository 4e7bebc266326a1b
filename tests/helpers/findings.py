"""Findings, and unlocks to find something in, as tests make them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.detection.watching import TurnedTime
from fleet_wire.contract.attempt import Attempt, PlatformSide
from fleet_wire.contract.causes import Cause
from fleet_wire.contract.diagnosis import Diagnosis, RankedMode
from fleet_wire.contract.incident import Incident, IncidentKind
from fleet_wire.contract.messages import Presence, VehicleState
from fleet_wire.contract.partial import PartialState
from fleet_wire.randomness import RandomStream
from platform_probe.cars.fleet import Fleet
from platform_probe.cars.state import CarState
from platform_probe.judge.alerting import Alerting
from platform_probe.judge.detection.finding import Finding
from platform_probe.judge.incidents.maintenance import MaintenanceWindow
from tests.helpers.diagnoses import diagnosis_of
from tests.helpers.stores import unlock


def finding(number: int = 1, *, at: float = 1_000.0, **changes: Any) -> Finding:
    """Return a finding of ten unlocks of forty that failed with operator a."""
    fields: dict[str, Any] = {
        "kind": IncidentKind.FAILURES,
        "what": "failed",
        "since": at - 60.0,
        "last_at": at,
        "cohort": {"operator": "operator-a"},
        "failed": 10,
        "total": 40,
        "elsewhere_total": 60,
        "expected": 0.02,
        "sure": 0.99,
        "customers": frozenset(f"customer-{each}" for each in range(10)),
        "cars": frozenset(f"car-{each}" for each in range(10)),
        "causes": {Cause.BOX_OFFLINE: 10},
    }
    return Finding(number=number, at=at, **(fields | changes))


class Watched:
    """Alerting in virtual time, with every revision that it told."""

    def __init__(self, windows: tuple[MaintenanceWindow, ...] = ()) -> None:
        self.time = TurnedTime()
        self.told: list[Incident] = []
        self._windows = windows
        self.alerting = self._started()
        self._written: list[Attempt] = []
        self._number = 0

    def _started(self) -> Alerting:
        self._cars = Fleet(CarState, most=1_000_000)
        alerting = Alerting(
            clock=self.time,
            tell=self.told.append,
            name="test",
            cars=self._cars,
            windows=self._windows,
        )
        self._cars.on_lost = alerting.car_lost
        self._cars.on_connected_anew = alerting.car_connected_anew
        return self.time.drive(alerting)

    def hear(
        self,
        vehicle_id: str,
        message: Presence | PartialState | VehicleState,
        *,
        is_retained: bool,
    ) -> None:
        """Let a car say something."""
        now_s = self.time.now_s
        if isinstance(message, Presence):
            self._cars.take_presence(vehicle_id, message, now_s, retained=is_retained)
        else:
            self._cars.take_state(vehicle_id, message, now_s, retained=is_retained)
        if is_retained:
            self.alerting.on_retained_message()

    def restart(self, diagnoses: Sequence[Diagnosis] = ()) -> None:
        """End, and begin anew with what was written."""
        self.alerting.tick()
        self.alerting = self._started()
        self.alerting.restore(self._written, self.last, diagnoses)

    @property
    def last(self) -> list[Incident]:
        """Each incident as its last revision has it, in the order of their openings."""
        return [*{one.incident_id: one for one in self.told}.values()]

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.time.go_to(self.time.now_s + seconds)

    def unlock(
        self, *, cause: Cause | None = None, mode: str | None = None, **changes: Any
    ) -> Attempt:
        """Let an unlock end now, of a car and a customer that were not seen before.

        With `mode` it is diagnosed at once, and surely.
        """
        self._number += 1
        attempt = self._record(self._number, cause, 20.0 if cause else 2.0, **changes)
        self._written.append(attempt)
        self.alerting.record(attempt)
        if mode is not None:
            self.alerting.diagnosis(
                diagnosis_of(
                    RankedMode(mode, 0.95),
                    attempt_id=attempt.attempt_id,
                    vehicle_id=attempt.vehicle_id,
                    outcome=attempt.outcome,
                    cause=cause,
                )
            )
        return attempt

    def _record(self, number: int, cause: Cause | None, total_s: float, **changes: Any) -> Attempt:
        fields: dict[str, Any] = {
            "started_at": self.time.unix_s() - total_s,
            "cause": cause,
            "total_s": total_s,
            "booking_id": None,
            "stages": {},
            "hops_s": {},
            "region": "north" if number % 2 else "south",
            "operator": "operator-a" if number % 4 < 2 else "operator-b",
            "platform": PlatformSide(
                account_id=f"customer-{number}",
                status=504 if cause else 200,
                problem="vehicle-silent" if cause else None,
            ),
        }
        return unlock(number, car=f"car-{number % 5_000}", **fields | changes)

    def usual(self, unlocks: int, *, every_s: float = 2.0, failing: float = 0.01) -> None:
        """Let so many unlocks end of which a hundredth fails."""
        stream = RandomStream.named(7, f"usual/{self._number}")
        for _ in range(unlocks):
            self.wait(every_s)
            self.unlock(cause=Cause.BOX_SILENT if stream.uniform() < failing else None)
