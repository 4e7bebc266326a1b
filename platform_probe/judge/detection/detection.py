"""Finds anomalies in everything that the monitor knows. No I/O; time is handed in.

Its inputs are records, diagnoses and messages of cars. Its outputs are findings, again whenever one
has changed, and a last time when it is over.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import count
from typing import Any, Final

from fleet_wire.clock import Clock
from fleet_wire.contract.attempt import PROBE_STOPPED, Attempt, Record, Source, StrayAnswer
from fleet_wire.contract.diagnosis import Diagnosis
from fleet_wire.contract.incident import Incident, IncidentKind, IncidentState
from fleet_wire.latest import Latest
from fleet_wire.modes.catalogue import MODES
from platform_probe.cars.fleet import Fleet
from platform_probe.judge.detection.blindness import Blindness
from platform_probe.judge.detection.finding import Finding
from platform_probe.judge.detection.hops import Hops
from platform_probe.judge.detection.measures import (
    AGAIN,
    BLIND,
    FAILED,
    LATE,
    hit_measures,
)
from platform_probe.judge.detection.problem import AWAY
from platform_probe.judge.detection.recent import Hit
from platform_probe.judge.detection.repeats import RETRY_S, Customers, Repeats
from platform_probe.judge.detection.shares import ShareTests
from platform_probe.judge.detection.sighting import Sighting, modes_of
from platform_probe.judge.detection.silence import Silence
from platform_probe.judge.detection.suspicious import Suspicious
from platform_probe.judge.detection.traits import TRAITS, key_named, values_of
from platform_probe.judge.detection.waves import Earlier, Flapping, Waves
from platform_probe.judge.diagnosis.records import unseen

STEP_S: Final = 10.0
"""The interval at which changed findings are reported."""
LATE_S: Final = 1800.0
"""A record of an unlock that began longer ago says nothing of now: it came out of a backlog."""
MOST_AGAIN: Final = 10_000


class Detection:
    """Runs all tests. `found` gets each finding, and gets it again after each change."""

    def __init__(self, *, clock: Clock, found: Callable[[Finding], None], cars: Fleet[Any]) -> None:
        self._clock = clock
        self._found = self._by_account(found)
        self._numbers = count(1)
        self._shares = ShareTests(self._numbers)
        self._customers = Customers()
        self._repeats = Repeats()
        self._hops = Hops()
        self._waves = Waves(self._numbers, cars)
        self.on_retained_message = self._waves.on_retained_message
        self.on_last_will = self._waves.on_lost
        flapping = Flapping(self._numbers, cars)
        self.on_connected_anew = flapping.on_connected_anew
        self._all_waves = (self._waves, flapping.waves)
        self._silence = Silence(self._numbers)
        self.heartbeat = self._silence.beat
        self._suspicious = Suspicious(self._numbers)
        self._blindness = Blindness(self._numbers)
        self._again: Latest[str, Hit] = Latest(MOST_AGAIN)
        """The last hit of each car whose customer pressed again."""
        self._told_s = -STEP_S
        self.too_late = 0
        """Records that were too old to count."""

    @property
    def on_alarm(self) -> Callable[[], None] | None:
        """Called when `tick` has something to do, see `next_s`."""
        return self._shares.on_alarm

    @on_alarm.setter
    def on_alarm(self, call: Callable[[], None]) -> None:
        self._shares.on_alarm = call

    # Inputs

    def handle_records(self, records: Iterable[Record]) -> None:
        """Handle records that were written at the same moment."""
        now_s = self._now_s()
        for record in records:
            if isinstance(record, Attempt):
                if _counts(record):
                    self._attempt(record, now_s)
            elif isinstance(record, StrayAnswer):
                self._stray(record, now_s)
            elif not record.attempts and not record.missed:
                self._attempt(unseen(record), now_s, hit=True)

    def connection(self, *, is_there: bool) -> None:
        """Handle a gain or loss of the monitor's connection to the broker."""
        now_s = self._clock.monotonic_s()
        self._blindness.connection(now_s, is_there=is_there)
        if not is_there:
            for waves in self._all_waves:
                waves.disconnected(now_s)

    def diagnosis(self, diagnosis: Diagnosis) -> None:
        """Handle a diagnosis of an unlock."""
        self._suspicious.diagnosis(diagnosis, self._clock.monotonic_s())
        for waves in self._all_waves:
            for wave in waves.sightings:
                wave.diagnosis(diagnosis)
        self._diagnosed(diagnosis, self._clock.monotonic_s())

    def warm(
        self,
        attempts: Iterable[Attempt],
        diagnoses: Iterable[Diagnosis],
        known: Callable[[Finding], None],
    ) -> None:
        """Restore findings from the records of an earlier process, and update the baselines.

        Both are in the order in which they were written. `known` gets each finding as it was then,
        over or not. Findings that go on are reported again as new.
        """
        now_s = self._now_s()
        known = self._by_account(known)
        looked_s = -math.inf
        happened: list[Iterable[Attempt | Diagnosis]] = [attempts, diagnoses]
        for one in heapq.merge(*happened, key=_written_at):
            at_s = _written_at(one) - self._shares.offset_s
            if at_s > now_s:
                continue  # of another clock
            self._shares.learn_until(at_s)
            alarm_s = self._shares.next_s()
            if at_s - looked_s >= STEP_S or (alarm_s is not None and alarm_s <= at_s):
                looked_s = at_s
                self._look_at_shares(at_s, known)
            if isinstance(one, Diagnosis):
                self._diagnosed(one, at_s)
            elif _counts(one):
                self._attempt(one, at_s)
        self._look_at_shares(now_s, known)
        for problem in self._shares.problems:
            problem.is_new = True

    def take_up(self, incidents: Iterable[Incident], diagnoses: Sequence[Diagnosis]) -> None:
        """Restore the waves of lost cars from open incidents and their diagnoses."""
        now_s = self._clock.monotonic_s()
        offset_s = self._clock.unix_s() - now_s
        earlier = [
            Earlier(
                key_named(cohort),
                one.since - offset_s,
                one.cars,
                [each for each in diagnoses if each.at >= one.since],
            )
            for one in incidents
            if one.state is IncidentState.OPEN and _may_be_a_wave(one)
            for cohort in one.affected_cohorts
        ]
        self._waves.take_up(earlier, now_s)

    # Time

    def tick(self) -> None:
        """Look at alarms, and report changed findings."""
        now_s = self._now_s()
        self._shares.tick(now_s)
        waits = self._waves.waits(now_s)
        for waves in self._all_waves:
            waves.offset_s = self._shares.offset_s
            waves.tick(now_s)
        self._silence.tick(now_s, self._shares.offset_s, is_blind=self._blindness.is_blind)
        self._suspicious.tick(now_s)
        self._blindness.tick(now_s)
        is_time = now_s - self._told_s >= STEP_S
        if is_time:
            self._told_s = now_s
        if not waits:  # else an incident of lost cars would be named after what is left of it
            self._tell_of_shares(now_s, self._found, is_time=is_time)
        for test in (*self._all_waves, self._silence, self._suspicious, self._blindness):
            self._report_sightings(test.sightings, now_s, is_time=is_time)

    def next_s(self) -> float:
        """Return when `tick` should be called at the latest."""
        alarm_s = self._shares.next_s()
        looks_s = (waves.next_s() for waves in self._all_waves)
        step_s = min(self._clock.monotonic_s() + STEP_S, *looks_s)
        return step_s if alarm_s is None else min(alarm_s, step_s)

    # Within

    def _by_account(self, found: Callable[[Finding], None]) -> Callable[[Finding], None]:
        """Return a callback that adds the accounts of known bookings to a finding."""

        def hand_on(finding: Finding) -> None:
            found(replace(finding, customers=self._customers.accounts_of(finding.customers)))

        return hand_on

    def _now_s(self) -> float:
        """Return the present in monotonic seconds, and note its offset from Unix time."""
        now_s = self._clock.monotonic_s()
        self._shares.offset_s = self._clock.unix_s() - now_s
        return now_s

    def _look_at_shares(self, now_s: float, found: Callable[[Finding], None]) -> None:
        self._shares.tick(now_s)
        self._tell_of_shares(now_s, found, is_time=True)

    def _tell_of_shares(
        self, now_s: float, found: Callable[[Finding], None], *, is_time: bool
    ) -> None:
        for problem in [*self._shares.problems]:
            is_over = problem.is_over(now_s)
            if problem.is_new or is_over or (is_time and problem.is_changed):
                problem.is_new = problem.is_changed = False
                found(problem.finding(now_s, self._shares.offset_s))
            if is_over:
                self._shares.drop(problem, now_s)
                self._repeats.forget_failures(problem.cars)
        for problem in self._shares.over if is_time else ():
            if problem.is_changed:
                problem.is_changed = False
                found(problem.finding(now_s, self._shares.offset_s))

    def _report_sightings(self, sightings: list[Sighting], now_s: float, *, is_time: bool) -> None:
        for one in [*sightings]:
            if one.is_new or one.is_over or (is_time and one.is_changed):
                one.is_new = one.is_changed = False
                self._found(one.finding(now_s, self._shares.offset_s))
            if one.is_over:
                sightings.remove(one)

    def _attempt(self, attempt: Attempt, now_s: float, *, hit: bool = False) -> None:
        at_s = min(attempt.started_at - self._shares.offset_s, now_s)
        if now_s - at_s > LATE_S:
            self.too_late += 1
            return
        values = values_of(attempt)
        if attempt.source is Source.CUSTOMER:
            self._silence.unlock(values)
        self._suspicious.attempt(attempt, at_s, now_s)
        measures = (FAILED,) if hit else hit_measures(attempt)
        customer, whose = self._customers.customer_of(attempt), self._customers.identity_of(attempt)
        way = measures[-1].name if measures else None
        counts, is_again = self._repeats.add_unlock(attempt, customer, at_s, way=way)
        if is_again and not measures:
            measures, counts = (AGAIN,), True
        if measures != (BLIND,):
            measures += self._hops.slow(attempt, now_s)
        one = None
        if measures:
            one = Hit(
                at_s, now_s, values, attempt.vehicle_id, whose, attempt.attempt_id, measures,
                attempt.cause,
            )  # fmt: skip
            for waves in self._all_waves:
                waves.hit(one)
        self._shares.add_unlock(values, at_s, now_s, one, car=attempt.vehicle_id, counts=counts)
        if one is not None and AGAIN in measures:
            self._again.keep(attempt.vehicle_id, one)

    def _diagnosed(self, diagnosis: Diagnosis, now_s: float) -> None:
        """Note the diagnosis of a failure; a finding is named after it."""
        hit = self._shares.recent.hit_named(diagnosis.attempt_id)
        if hit is not None:
            hit.cause = diagnosis.cause
        if hit is None or AGAIN in hit.measures:
            hit = self._repeated_press(diagnosis, now_s)
        if hit is not None:
            hit.modes = modes_of(diagnosis)
            self._shares.note_diagnosed(hit)

    def _repeated_press(self, diagnosis: Diagnosis, now_s: float) -> Hit | None:
        """Return the failure of a repeated press, if the diagnosis of one press has a mode.

        The car has opened, so the diagnosis of any of the presses may say what was wrong.
        """
        hit = self._again.get(diagnosis.vehicle_id)
        if hit is None or diagnosis.first.mode not in MODES:
            return None
        return hit if abs(now_s - diagnosis.after_s - hit.at_s) < RETRY_S else None

    def _stray(self, stray: StrayAnswer, now_s: float) -> None:
        if not stray.is_late_unlock or stray.source is Source.FLOOR:
            return
        before = self._shares.recent.hit_named(stray.attempt_id or "")
        if before is None or LATE in before.measures:
            return
        self._shares.add_measure(before, LATE, now_s)

    def stats(self) -> dict[str, Any]:
        """Return figures of its work, for whoever operates the monitor."""
        return {
            "cohorts": self._shares.cohorts,
            "problems": len(self._shares.problems),
            "too_late": self.too_late,
        }


def _counts(attempt: Attempt) -> bool:
    """Return whether a record is the first about an unlock that somebody asked for.

    An unlock under way when the monitor was stopped says nothing of cars or of the monitor.
    """
    return (
        attempt.source is not Source.FLOOR
        and attempt.is_first
        and not attempt.same_as
        and attempt.reason != PROBE_STOPPED
    )


def _may_be_a_wave(incident: Incident) -> bool:
    """Return whether lost cars may be part of an incident, whatever its title says."""
    is_of_cars = incident.kind is IncidentKind.CARS_LOST or incident.cause in AWAY
    return is_of_cars and all(cohort.keys() <= {*TRAITS} for cohort in incident.affected_cohorts)


def _written_at(one: Attempt | Diagnosis) -> float:
    """Return when a record was written, Unix seconds."""
    return one.at if isinstance(one, Diagnosis) else one.started_at + one.total_s
