"""Finds anomalies in everything that the monitor knows. No I/O; time is handed in.

Its inputs are records, diagnoses and messages of cars. Its outputs are findings, again whenever one
has changed, and a last time when it is over.
"""

from __future__ import annotations

import heapq
import math
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import count
from typing import Any, Final

import msgspec

from fleet_wire.clock import Clock
from fleet_wire.contract.attempt import PROBE_STOPPED, Attempt, Record, Source, StrayAnswer
from fleet_wire.contract.diagnosis import Diagnosis
from fleet_wire.contract.incident import Incident, IncidentKind, IncidentState
from fleet_wire.contract.messages import Telemetry
from fleet_wire.contract.partial import PartialTelemetry
from fleet_wire.latest import Latest, remember
from fleet_wire.modes.catalogue import MODES
from platform_probe.judge.detection.blindness import Blindness
from platform_probe.judge.detection.finding import Finding
from platform_probe.judge.detection.hops import Hops
from platform_probe.judge.detection.measures import (
    AGAIN,
    BLIND,
    FAILED,
    LATE,
    ODD,
    OF_MODE,
    REFUSED,
    Measure,
    hit_measures,
)
from platform_probe.judge.detection.problem import AWAY
from platform_probe.judge.detection.recent import Hit
from platform_probe.judge.detection.repeats import RETRY_S, Customers, Repeats
from platform_probe.judge.detection.shares import ShareTests
from platform_probe.judge.detection.sighting import SURE, Sighting, modes_of
from platform_probe.judge.detection.silence import Silence
from platform_probe.judge.detection.suspicious import LEAST as SUSPECT
from platform_probe.judge.detection.suspicious import Suspicious
from platform_probe.judge.detection.traits import TRAITS, Values, key_named, values_of
from platform_probe.judge.detection.waves import Earlier, Waves
from platform_probe.judge.diagnosis.records import unseen

STEP_S: Final = 10.0
"""The interval at which changed findings are reported."""
LATE_S: Final = 1800.0
"""A record of an unlock that began longer ago says nothing of now: it came out of a backlog."""
MOST_OPENED: Final = 10_000
_HEARTBEATS: Final = (Telemetry, PartialTelemetry)


class _Opened(msgspec.Struct, frozen=True, gc=False, eq=False):
    """An unlock that went well."""

    values: Values
    customer: str | None


class Detection:
    """All tests. `found` gets each finding, and again when it has changed."""

    def __init__(self, *, clock: Clock, found: Callable[[Finding], None]) -> None:
        self._clock = clock
        self._found = self._by_account(found)
        self._numbers = count(1)
        self._shares = ShareTests(self._numbers)
        self._customers = Customers()
        self._repeats = Repeats()
        self._hops = Hops()
        self._waves = Waves(self._numbers)
        self._silence = Silence(self._numbers)
        self._suspicious = Suspicious(self._numbers)
        self._blindness = Blindness(self._numbers)
        self._opened: Latest[str, _Opened] = Latest(MOST_OPENED)
        """Unlocks that went well and may prove odd."""
        self._unanswered: OrderedDict[str, tuple[Hit, bool]] = OrderedDict()
        """Unlocks that were taken before they ended, by their command, and whether each counted."""
        self._again: OrderedDict[str, Hit] = OrderedDict()
        """Cars whose customer's second press was counted already."""
        self._told_s = -STEP_S
        self.too_late = 0
        """Records that were too old to count."""

    @property
    def on_alarm(self) -> Callable[[], None] | None:
        """Called when there is something to look at, see `next_s`."""
        return self._shares.on_alarm

    @on_alarm.setter
    def on_alarm(self, call: Callable[[], None]) -> None:
        self._shares.on_alarm = call

    # Inputs

    def take(self, records: Iterable[Record]) -> None:
        """Handle records that were written together, at one and the same moment."""
        now_s = self._now_s()
        for record in records:
            if isinstance(record, Attempt):
                if _counts(record):
                    self._attempt(record, now_s)
            elif isinstance(record, StrayAnswer):
                self._stray(record, now_s)
            elif not record.attempts and not record.missed:
                self._attempt(unseen(record), now_s, hit=True)

    def unanswered(self, record: Attempt) -> None:
        """Handle an unlock to which a connected car has not answered, with its record so far.

        It counts as failed at once. If it opens after all, its own record takes that back.
        """
        now_s = self._now_s()
        at_s = min(record.started_at - self._shares.offset_s, now_s)
        if record.command_id is None or not _counts(record) or now_s - at_s > LATE_S:
            return
        values, customer = values_of(record), self._customers.of(record)
        counts, _ = self._repeats.take(record, customer, at_s, is_hit=True)
        whose = self._customers.whose(record)
        hit = Hit(
            at_s, values, record.vehicle_id, whose, record.attempt_id, (FAILED,), record.cause
        )
        remember(self._unanswered, record.command_id, (hit, counts), MOST_OPENED)
        self._waves.hit(hit)
        self._shares.take(values, at_s, now_s, hit, car=record.vehicle_id, counts=counts)

    def pressed(
        self,
        vehicle_id: str,
        *,
        account_id: str | None,
        booking_id: str | None,
        trace_id: str | None,
    ) -> None:
        """Count a customer's press; a repeated one counts now, not when that press has ended.

        A retry by a phone without an answer, in the same trace, is no press.
        """
        now_s = self._now_s()
        customer = self._customers.named(account_id, booking_id, vehicle_id)
        before = None if customer is None else self._repeats.opened(vehicle_id, customer)
        if before is None or before.trace_id == trace_id:
            return
        opened = self._opened.get(before.attempt_id)
        if opened is None or not self._repeats.is_again(vehicle_id, now_s, before):
            return
        again = Hit(now_s, opened.values, vehicle_id, opened.customer, before.attempt_id, (AGAIN,))
        self._pressed_again(again, now_s)

    def heard(self, vehicle_id: str, message: Any, *, is_retained: bool) -> None:
        """Handle a message of a car."""
        if isinstance(message, _HEARTBEATS):
            self._silence.beat()
        else:
            now_s = self._clock.monotonic_s()
            self._waves.heard(vehicle_id, message, now_s, is_retained=is_retained)

    def removed(self, vehicle_id: str) -> None:
        """Forget a car that was taken out of service."""
        self._waves.removed(vehicle_id)

    def connection(self, *, is_there: bool) -> None:
        """Handle that the monitor is connected to the broker, or no longer."""
        now_s = self._clock.monotonic_s()
        self._blindness.connection(now_s, is_there=is_there)
        if not is_there:
            self._waves.disconnected(now_s)

    def diagnosis(self, diagnosis: Diagnosis) -> None:
        """Handle a diagnosis of an unlock."""
        self._suspicious.diagnosis(diagnosis, self._clock.monotonic_s())
        for wave in self._waves.sightings:
            wave.diagnosis(diagnosis)
        self._diagnosed(diagnosis, self._clock.monotonic_s())

    def warm(
        self,
        attempts: Iterable[Attempt],
        diagnoses: Iterable[Diagnosis],
        known: Callable[[Finding], None],
    ) -> None:
        """Restore findings from the records of an earlier process, and update the baselines.

        Both in the order in which they were written. `known` gets each finding as it was then, also
        when it was over; findings that go on are reported again as new.
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
        """Look again for the cars that were lost in incidents which go on, as these were told."""
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
        """Look at alarms, and tell what has changed."""
        now_s = self._now_s()
        self._shares.tick(now_s)
        waits = self._waves.waits(now_s)
        self._waves.offset_s = self._shares.offset_s
        self._waves.tick(now_s)
        self._silence.tick(now_s, self._shares.offset_s, is_blind=self._blindness.is_blind)
        self._suspicious.tick(now_s)
        self._blindness.tick(now_s)
        is_time = now_s - self._told_s >= STEP_S
        if is_time:
            self._told_s = now_s
        if not waits:  # else an incident of lost cars would be named after what is left of it
            self._tell_of_shares(now_s, self._found, is_time=is_time)
        for test in (self._waves, self._silence, self._suspicious, self._blindness):
            self._tell_of(test.sightings, now_s, is_time=is_time)

    def next_s(self) -> float:
        """Return when `tick` should be called at the latest."""
        alarm_s = self._shares.next_s()
        step_s = min(self._clock.monotonic_s() + STEP_S, self._waves.next_s())
        return step_s if alarm_s is None else min(alarm_s, step_s)

    # Within

    def _by_account(self, found: Callable[[Finding], None]) -> Callable[[Finding], None]:
        """Return what hands findings on with the accounts of customers known by their booking."""

        def hand_on(finding: Finding) -> None:
            found(replace(finding, customers=self._customers.accounts_of(finding.customers)))

        return hand_on

    def _now_s(self) -> float:
        """Return the present, having noted where it lies in Unix time."""
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
        for problem in self._shares.over if is_time else ():
            if problem.is_changed:
                problem.is_changed = False
                found(problem.finding(now_s, self._shares.offset_s))

    def _tell_of(self, sightings: list[Sighting], now_s: float, *, is_time: bool) -> None:
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
        if attempt.command_id in self._unanswered:
            self._answered(attempt, measures, now_s)
        else:
            self._count(attempt, values, measures, at_s, now_s)

    def _count(
        self,
        attempt: Attempt,
        values: Values,
        measures: tuple[Measure, ...],
        at_s: float,
        now_s: float,
    ) -> None:
        """Count an unlock that has ended."""
        is_failure = bool(measures)
        customer, whose = self._customers.of(attempt), self._customers.whose(attempt)
        counts, is_again = self._repeats.take(attempt, customer, at_s, is_hit=is_failure)
        if measures != (BLIND,):
            measures += self._hops.slow(attempt, now_s)
        one = None
        if measures:
            one = Hit(
                at_s, values, attempt.vehicle_id, whose, attempt.attempt_id, measures,
                attempt.cause,
            )  # fmt: skip
            self._waves.hit(one)
        elif counts:
            self._opened.keep(attempt.attempt_id, _Opened(values, whose))
        self._shares.take(values, at_s, now_s, one, car=attempt.vehicle_id, counts=counts)
        if is_again and not is_failure:
            again = Hit(at_s, values, attempt.vehicle_id, whose, attempt.attempt_id, (AGAIN,))
            self._pressed_again(again, now_s)

    def _pressed_again(self, again: Hit, now_s: float) -> None:
        remember(self._again, again.vehicle_id, again, MOST_OPENED)
        self._shares.stray(again, now_s)

    def _answered(self, attempt: Attempt, measures: tuple[Measure, ...], now_s: float) -> None:
        """Correct an unlock that was counted as failed before it had ended, by its record."""
        hit, counts = self._unanswered.pop(attempt.command_id or "")
        if FAILED not in measures:
            self._shares.withdraw(hit)
            return
        hit.cause, hit.customer = attempt.cause, self._customers.whose(attempt)
        measures += self._hops.slow(attempt, now_s)
        if not counts:
            hit.measures = measures
            self._shares.take(hit.values, hit.at_s, now_s, hit, car=hit.vehicle_id, counts=False)
            return
        for measure in measures:
            if measure not in hit.measures:
                self._shares.also(hit, measure, now_s)

    def _note_mode(self, hit: Hit, now_s: float) -> None:
        """Count the mode of an unlock that did not go well, once it is known: the first named.

        If a later diagnosis names another mode, the first count is withdrawn.
        """
        if not hit.modes or not {FAILED, REFUSED, ODD} & {*hit.measures}:
            return
        mode, probability = hit.modes[0]
        if probability < SURE or (hit.named is not None and hit.named.mode == mode):
            return
        if hit.named is not None:
            self._shares.no_longer(hit, hit.named)
            hit.named = None
        if mode in OF_MODE:
            hit.named = OF_MODE[mode]
            self._shares.also(hit, hit.named, now_s)

    def _diagnosed(self, diagnosis: Diagnosis, now_s: float) -> None:
        hit = self._shares.recent.hit_named(diagnosis.attempt_id)
        again = self._again_before(diagnosis, now_s)
        opened = self._opened.get(diagnosis.attempt_id)
        if opened is not None:
            hit = self._odd(diagnosis, opened, hit, now_s)
        for one in (hit, again):
            if one is not None:
                one.modes = modes_of(diagnosis)
                one.cause = diagnosis.cause
                self._note_mode(one, now_s)
                self._shares.note_diagnosed(one)

    def _again_before(self, diagnosis: Diagnosis, now_s: float) -> Hit | None:
        """Return that a customer pressed again, of whose later presses this is the diagnosis."""
        hit = self._again.get(diagnosis.vehicle_id)
        began_s = now_s - diagnosis.after_s
        if hit is None or ODD in hit.measures or not hit.at_s <= began_s < hit.at_s + RETRY_S:
            return None  # what is known of the unlock itself goes before what followed
        return hit if diagnosis.first.mode in MODES else None

    def _odd(
        self,
        diagnosis: Diagnosis,
        opened: _Opened,
        again: Hit | None,
        now_s: float,
    ) -> Hit | None:
        """Count an unlock that opened and is diagnosed all the same.

        `again` is that its customer has pressed again, which is returned where it is not odd.
        """
        first = diagnosis.first
        if first.mode not in MODES or first.mode in SUSPECT or first.probability < SURE:
            return again
        values, customer = opened.values, opened.customer
        self._opened.forget(diagnosis.attempt_id)
        if again is not None:
            self._shares.also(again, ODD, now_s)
            return again
        hit = Hit(
            now_s - min(diagnosis.after_s, LATE_S),
            values,
            diagnosis.vehicle_id,
            customer,
            diagnosis.attempt_id,
            (ODD,),
        )
        self._shares.stray(hit, now_s)
        return hit

    def _stray(self, stray: StrayAnswer, now_s: float) -> None:
        if not stray.is_late_unlock or stray.source is Source.FLOOR:
            return
        before = self._shares.recent.hit_named(stray.attempt_id or "")
        if before is None or LATE in before.measures:
            return
        self._shares.also(before, LATE, now_s)

    def stats(self) -> dict[str, Any]:
        """Return how it fares, for those who look after the monitor."""
        return {
            "cohorts": self._shares.cohorts,
            "problems": len(self._shares.problems),
            "too_late": self.too_late,
        }


def _counts(attempt: Attempt) -> bool:
    """Return whether a record is of an unlock that somebody asked for, and the first of it.

    An unlock under way when the monitor was stopped says nothing of cars or of the monitor.
    """
    return (
        attempt.source is not Source.FLOOR
        and attempt.is_first
        and not attempt.same_as
        and attempt.reason != PROBE_STOPPED
    )


def _may_be_a_wave(incident: Incident) -> bool:
    """Return whether an incident may be of cars that were lost, whatever it is named after."""
    is_of_cars = incident.kind is IncidentKind.CARS_LOST or incident.cause in AWAY
    return is_of_cars and all(cohort.keys() <= {*TRAITS} for cohort in incident.affected_cohorts)


def _written_at(one: Attempt | Diagnosis) -> float:
    """Return when a record was written, Unix seconds."""
    return one.at if isinstance(one, Diagnosis) else one.started_at + one.total_s
