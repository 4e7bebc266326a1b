"""Detection and incidents put together: takes records, messages and diagnoses, tells incidents.

It does no I/O and has no timers: `due_s` says when `tick` is to be called at the latest.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from fleet_wire.clock import Clock
from fleet_wire.contract.attempt import Attempt, Record
from fleet_wire.contract.diagnosis import Diagnosis
from fleet_wire.contract.incident import Incident, IncidentAction
from platform_probe.cars.fleet import Fleet
from platform_probe.judge.detection.detection import Detection
from platform_probe.judge.detection.traits import is_in, key_named, values_of_car
from platform_probe.judge.incidents.incidents import Incidents
from platform_probe.judge.incidents.maintenance import MaintenanceWindow
from platform_probe.texts.speaking import ENGLISH, Speaker


class Alerting:
    """Finds problems, and makes incidents of them."""

    def __init__(
        self,
        *,
        clock: Clock,
        tell: Callable[[Incident], None],
        english: Speaker = ENGLISH,
        name: str,
        cars: Fleet[Any],
        windows: Sequence[MaintenanceWindow] = (),
    ) -> None:
        """Make both. `english` says what records keep, `name` is the monitor's, `cars` it knows."""
        self._tell = tell
        self._cars = cars
        self.incidents = Incidents(
            clock=clock, tell=self._tell_with_cars, english=english, name=name, windows=windows
        )
        self._detection = Detection(clock=clock, found=self.incidents.handle_finding, cars=cars)
        self._detection.on_alarm = self._plan
        self.heartbeat = self._detection.heartbeat
        self.on_retained_message = self._detection.on_retained_message
        self.car_lost = self._detection.on_last_will
        self.car_connected_anew = self._detection.on_connected_anew
        self.due_s = math.inf
        """When `tick` is to be called at the latest, on the monotonic clock."""

    def start_ticks(self) -> None:
        """Look from now on, every few seconds and when something is due."""
        self._plan()

    def restore(
        self,
        attempts: Iterable[Attempt],
        incidents: Sequence[Incident],
        diagnoses: Sequence[Diagnosis] = (),
    ) -> None:
        """Restore what an earlier process knew: its last records, and incidents not long ago."""
        self.incidents.restore(incidents)
        self._detection.warm(attempts, diagnoses, self.incidents.take_up)
        self._detection.take_up(incidents, diagnoses)
        self.incidents.start_quiet_time()
        self._plan()

    # What happens

    def record(self, record: Record) -> None:
        """Handle a record."""
        self._detection.handle_records((record,))

    def diagnosis(self, diagnosis: Diagnosis) -> None:
        """Handle a diagnosis."""
        self._detection.diagnosis(diagnosis)

    def connection(self, *, is_there: bool) -> None:
        """Handle that the monitor is connected to the broker, or no longer."""
        self._detection.connection(is_there=is_there)

    def act(self, action: IncidentAction) -> bool:
        """Do what a person asks for; return whether there is such an incident."""
        return self.incidents.act(action)

    def stats(self) -> dict[str, Any]:
        """Return how the tests fare."""
        return self._detection.stats()

    def tick(self) -> None:
        """Look at what is due."""
        self.due_s = math.inf
        self._detection.tick()
        self.incidents.tick()
        self._plan()

    def _tell_with_cars(self, incident: Incident) -> None:
        """Report a revision with the number of cars that there are."""
        cohorts = [key_named(cohort) for cohort in incident.affected_cohorts]
        of_cohorts = sum(
            number
            for (labels, _, _), number in self._cars.alike.items()
            if any(is_in(cohort, values_of_car(labels)) for cohort in cohorts)
        )
        self._tell(
            msgspec.structs.replace(incident, fleet_cars=len(self._cars), cohort_cars=of_cohorts)
        )

    def _plan(self) -> None:
        self.due_s = min(self.due_s, self._detection.next_s())
