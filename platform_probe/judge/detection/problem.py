"""A detected problem that is not over: the cohort that it hits, and whether it still does."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Iterable
from typing import Final

from fleet_wire.contract.causes import Cause
from platform_probe.judge.detection.end_test import CLEARLY_WORSE, LEAST_AGAIN, EndTest
from platform_probe.judge.detection.evidence import Evidence
from platform_probe.judge.detection.finding import Finding
from platform_probe.judge.detection.measures import LATE, Measure
from platform_probe.judge.detection.recent import Hit
from platform_probe.judge.detection.sighting import LEAST_DIAGNOSED, summed
from platform_probe.judge.detection.traits import (
    Key,
    Values,
    common_of,
    is_in,
    is_outside_cohort,
    named,
)
from platform_probe.judge.diagnosis.cohorts.names import Name, names_of

BEFORE_S: Final = 60.0
"""Hits so shortly before the begin of a problem count as its own."""
MOST_KEPT: Final = 10_000
"""The most customers and cars of one problem that are told apart."""
MOST_HITS: Final = 500
"""Hits that say what its cause is: the latest."""
EXAMPLES: Final = 10
SILENT_S: Final = 6 * 3600.0
"""The time without any unlock after which a problem counts as over."""
AWAY: Final = (Cause.BOX_OFFLINE, Cause.BOX_SILENT)
WAITED: Final = "late_delivery_persistent_session"
"""The mode of most doors that open late while the box was away: a command that has waited.

The diagnosis of a single unlock can hardly show that.
"""
UNKNOWN_AT_MOST: Final = 2.0
"""The most failures of cars of unknown kind, as a multiple of the likely number [E].

More are another problem's.
"""
UNKNOWN_AT_LEAST: Final = 5
"""So few failures of cars of unknown kind show no other problem [E]."""
LEAST_SURE: Final = 0.5
"""The certainty at just enough evidence: the limit alone would make it zero."""


class Problem:
    """One measure in one cohort, since a moment."""

    def __init__(
        self,
        measure: Measure,
        key: Key,
        *,
        since_s: float,
        expected: float,
        parts: frozenset[Measure] = frozenset(),
    ) -> None:
        self.number = 0
        self.measure = measure
        self.parts = parts
        """The parts of the measure in which it hits unlocks; empty: in any."""
        self.key = key
        self.since_s = since_s
        self.expected = expected
        self.opened_s = 0.0
        self.looked_s = 0.0
        """When its cohort was searched for last."""
        self.sure = 0.0
        """It follows the evidence upwards: what was no chance once was none."""
        self.is_new = True
        self.is_changed = True
        self.last_s = 0.0
        """When anybody of the cohort tried last."""
        self.hit_s = since_s
        """When the last one that was hit began."""
        self.well = 0
        """How many of its cohort were not hit since then."""
        self.well_elsewhere = 0
        """How many others were not hit since then."""
        self.over_s = math.inf
        """Since when it is taken to be over."""
        self.doubted_s = math.inf
        """Since when its cohort is well, if that is likelier than that it goes on.

        What began later may be of another problem: it counts once cars enough are hit again.
        """
        self._well_s = math.inf
        """When the first one that was not hit began, of those after the last hit."""
        self._cars_in_doubt: set[str] = set()
        """Cars that were hit since `doubted_s`."""
        self.common = key
        """The values that all of its unlocks share."""
        self.same: list[Name] = []
        """All names of its cohort."""
        self._repeats: deque[Hit] = deque(maxlen=MOST_KEPT)
        """Hits that do not count, of customers and cars that may not have been hit before."""
        self._hit_again = 0
        """How many of these there were: the test whether it goes on counts them."""
        self._ending = EndTest()
        self._evidence = Evidence(expected, measure.sizes)
        self._limit = math.inf
        self.clear()

    def clear(self) -> None:
        """Reset all counts."""
        self.failed = self.total = self.elsewhere_failed = self.elsewhere_total = 0
        self.unknown_failed = self.unknown_total = 0
        """Counts of cars that may or may not be of its cohort."""
        self.customers: set[str] = set()
        self.cars: set[str] = set()
        self.hits: deque[Hit] = deque(maxlen=MOST_HITS)
        self._in_doubt: list[Hit] = []
        """Hits that began after `doubted_s`."""

    def found_by(self, evidence: float, limit: float) -> None:
        """Set the evidence that raised the alarm, and the limit that it exceeded."""
        self._evidence.begin_with(evidence)
        self._limit = limit
        self.sure = max(self._sure(), LEAST_SURE)

    def explains(self, hit: Hit) -> bool:
        """Return whether a failure belongs to this problem.

        Cars of unknown kind may be of its cohort, as long as no more of them fail than explain.
        """
        if not self._counts_hit(hit):
            return False
        if not self.since_s - BEFORE_S <= hit.at_s <= min(self.over_s, self.doubted_s):
            return False
        if is_outside_cohort(self.key, hit.values):
            return False
        return is_in(self.key, hit.values) or self._explains_unknown

    def recount(self, hits: Iterable[Hit], totals: Counter[Values]) -> None:
        """Count all kept unlocks since it began again."""
        self.clear()
        self.common = common_of(self.key, totals)
        self.same = names_of(frozenset(self.key), totals)
        for values, number in totals.items():
            if is_in(self.key, values):
                self.total += number
            elif is_outside_cohort(self.key, values):
                self.elsewhere_total += number
            else:
                self.unknown_total += number
        for hit in hits:
            if self._counts_hit(hit):
                self._add(hit)
        repeats = [
            hit for hit in self._repeats if self._counts_hit(hit) and is_in(self.key, hit.values)
        ]
        self._hit_again = len(repeats)
        for hit in repeats:
            self._note_whom(hit)
        self.total = max(self.total, self.failed)
        self.elsewhere_total = max(self.elsewhere_total, self.elsewhere_failed)
        self.well = min(self.well, self.total - self.failed)  # counted of a wider cohort, perhaps
        self.well_elsewhere = min(self.well_elsewhere, self.elsewhere_total - self.elsewhere_failed)
        self._expect()
        self.is_changed = True

    def add_unlock(
        self, values: Values, at_s: float, now_s: float, hit: Hit | None, *, car: str, counts: bool
    ) -> None:
        """Add an unlock of a car. A repetition by the same customer or car does not count."""
        is_of_it = is_in(self.key, values)
        of_it = hit if hit is not None and self._counts_hit(hit) else None
        if counts:
            self._count(values, of_it, is_of_it=is_of_it)
        elif is_of_it and of_it is not None:
            self._repeats.append(of_it)
            self._note_whom(of_it)
        if is_of_it:
            self.last_s = now_s
            is_well = hit is None and self.measure is not LATE
            self._weigh(car, is_hit=of_it is not None, is_well=is_well, counts=counts)
            if of_it is not None:
                self._note_hit(of_it)
            elif is_well:
                self._note_well(at_s)
            if self._ending.is_over:
                self.over_s = min(self.over_s, now_s)

    def prove(self, hit: Hit) -> None:
        """Mark a counted unlock as failed."""
        self._add(hit)
        self.total = max(self.total, self.failed)
        self.elsewhere_total = max(self.elsewhere_total, self.elsewhere_failed)
        if is_in(self.key, hit.values):
            self._trust(is_hit=True)
            self._go_on(hit.vehicle_id, is_counted=True)

    @property
    def is_clear(self) -> bool:
        """Return whether clearly more unlocks fail than usual."""
        return self.failed >= CLEARLY_WORSE * self.expected * self.total

    def is_over(self, now_s: float) -> bool:
        """Return whether its cohort is normal again, or no car of it is tried any more."""
        if self._ending.is_over or now_s >= self.over_s:
            return True
        return now_s - max(self.last_s, self.opened_s) > SILENT_S

    def finding(self, now_s: float, unix_offset_s: float) -> Finding:
        """Return the finding as it stands now.

        A problem that is over is reported as of its last hit. Later successes show that it is over,
        and would make it look smaller.
        """
        is_over = self.is_over(now_s)
        well, well_elsewhere = (self.well, self.well_elsewhere) if is_over else (0, 0)
        causes = Counter[Cause](hit.cause for hit in self.hits if hit.cause is not None)
        modes = summed(hit.modes for hit in self.hits)
        diagnosed = sum(bool(hit.modes) for hit in self.hits)
        to_diagnose = causes.total() if self.measure.stage is None else len(self.hits)
        diagnosed = max(diagnosed, to_diagnose // 2, min(len(self.hits), LEAST_DIAGNOSED))
        away = sum(causes[each] for each in AWAY)
        if self.measure is LATE and away > len(self.hits) / 2:
            modes, diagnosed = Counter({WAITED: away}), len(self.hits)
        return Finding(
            number=self.number,
            kind=self.measure.kind,
            what=self.measure.name,
            at=round(now_s + unix_offset_s, 3),
            since=round(self.since_s + unix_offset_s, 3),
            last_at=round(self.hit_s + unix_offset_s, 3),
            cohort=named(self.key),
            common=named(self.common),
            same=tuple(named(tuple(sorted(one))) for one in self.same),
            failed=self.failed,
            total=max(self.total - well, self.failed),
            elsewhere_failed=self.elsewhere_failed,
            elsewhere_total=max(self.elsewhere_total - well_elsewhere, self.elsewhere_failed),
            expected=self.expected,
            sure=self.sure,
            customers=frozenset(self.customers),
            cars=frozenset(self.cars),
            examples=tuple(hit.attempt_id for hit in reversed(self.hits))[:EXAMPLES],
            causes=causes,
            modes=modes,
            diagnosed=diagnosed,
            is_over=is_over,
        )

    # Within

    def _counts_hit(self, hit: Hit) -> bool:
        """Return whether it counts a failure at this stage, whatever its cohort and time."""
        if self.measure not in hit.measures:
            return False
        if not self.parts or not self.parts.isdisjoint(hit.measures):
            return True
        return all(each.part_of is not self.measure for each in hit.measures)

    @property
    def _explains_unknown(self) -> bool:
        """Return whether failures of cars of unknown kind can be explained by its cohort alone."""
        known = max(self.total + self.elsewhere_total, 1)
        likely = self.unknown_total * self.failed / known
        return self.unknown_failed <= max(UNKNOWN_AT_MOST * likely, UNKNOWN_AT_LEAST)

    def _count(self, values: Values, hit: Hit | None, *, is_of_it: bool) -> None:
        """Count an unlock of its cohort or another; `hit` is its failure, if it failed."""
        if is_of_it:
            self.total += 1
            self.well += hit is None
        elif is_outside_cohort(self.key, values):
            self.elsewhere_total += 1
            self.well_elsewhere += hit is None
        else:
            self.unknown_total += 1
        if hit is not None:
            self._add(hit)
        if is_of_it:
            self._trust(is_hit=hit is not None)
            self.is_changed = True

    def _add(self, hit: Hit) -> None:
        if not is_in(self.key, hit.values):
            is_known = is_outside_cohort(self.key, hit.values)
            self.elsewhere_failed += is_known
            self.unknown_failed += not is_known
            return
        if self._is_in_doubt(hit):
            self._in_doubt.append(hit)
            return
        self.failed += 1
        self.well = self.well_elsewhere = 0
        self.hits.append(hit)
        self._note_whom(hit)

    def _note_whom(self, hit: Hit) -> None:
        """Note the customer and the car of a hit, unless it may be of another problem."""
        if self._is_in_doubt(hit):
            return
        self.hit_s = max(self.hit_s, hit.at_s)
        if hit.customer is not None and len(self.customers) < MOST_KEPT:
            self.customers.add(hit.customer)
        if hit.vehicle_id and len(self.cars) < MOST_KEPT:
            self.cars.add(hit.vehicle_id)
        self.is_changed = True

    def _note_well(self, at_s: float) -> None:
        """Note when an unlock began that was not hit: its cohort may be well since then."""
        if at_s > self.hit_s:
            self._well_s = min(self._well_s, at_s)
        if not self._ending.is_likely:
            self.doubted_s = min(self.doubted_s, self._well_s)

    def _note_hit(self, hit: Hit) -> None:
        """Note that a hit came: enough cars that are hit since it was in doubt end the doubt."""
        if hit.at_s < self._well_s:
            return
        self._cars_in_doubt.add(hit.vehicle_id)
        if self.doubted_s < math.inf and len(self._cars_in_doubt) < LEAST_AGAIN:
            return
        since_s, self.doubted_s, self._well_s = self.doubted_s, math.inf, math.inf
        self._cars_in_doubt.clear()
        for one in self._in_doubt:
            self._add(one)
        self._in_doubt.clear()
        for one in self._repeats:
            if one.at_s > since_s and is_in(self.key, one.values):
                self._note_whom(one)

    def _is_in_doubt(self, hit: Hit) -> bool:
        """Return whether a hit may be of another problem."""
        return hit.at_s > self.doubted_s

    def _sure(self) -> float:
        return 1.0 - min(self._limit / max(self._evidence.total(), 1.0), 1.0)

    def _trust(self, *, is_hit: bool) -> None:
        """Update the confidence that this is no chance, with another unlock of its cohort."""
        if is_hit:
            self._evidence.hit()
            self.sure = max(self.sure, self._sure())
        else:
            self._evidence.misses(1)

    def _expect(self) -> None:
        """Set its size to that up to its last hit."""
        self._ending.expect(
            failed=self.failed + self._hit_again,
            total=self.total + self._hit_again - self.well,
            expected=self.expected,
            cars=self.cars,
        )

    def _weigh(self, car: str, *, is_hit: bool, is_well: bool, counts: bool) -> None:
        """Update whether it goes on, with an unlock of its cohort."""
        if is_hit and counts:
            self._go_on(car)
        elif is_hit:
            self._hit_again += 1
            self.well = self.well_elsewhere = 0
            if self._ending.is_likely:
                self._expect()
            self._ending.add_repeated_failure(car)
        elif is_well and car in self.cars:
            self._ending.opens(car, counts=counts)
        elif counts:
            self._ending.add_success()

    def _go_on(self, car: str, *, is_counted: bool = False) -> None:
        """Note another failure: the problem goes on.

        With `is_counted`, the failure had been weighed as a success, which this corrects.
        """
        self._ending.add_failure(car)
        if self._ending.is_likely:  # else this one may be of any day, and say nothing of its size
            self._expect()
        self._ending.hit(was_counted_as_success=is_counted)
