"""Waves of lost cars, and of cars that connect again and again: more than single cars make.

The test is that of unlocks: of the cars that are connected, each is lost within a step or is not.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from fleet_wire.contract.diagnosis import Diagnosis
from fleet_wire.contract.incident import FALSE_ALARMS_A_MONTH, IncidentKind
from fleet_wire.latest import Latest
from platform_probe.cars.fleet import Fleet
from platform_probe.cars.state import Session
from platform_probe.judge.detection.evidence import Evidence
from platform_probe.judge.detection.expected import Block, LearnedRate
from platform_probe.judge.detection.measures import FAILED
from platform_probe.judge.detection.naming import search_traits_since
from platform_probe.judge.detection.recent import Hit
from platform_probe.judge.detection.sighting import MOST_KEPT, Sighting
from platform_probe.judge.detection.traits import (
    Key,
    Values,
    common_of,
    is_in,
    is_outside_cohort,
    keys_of,
    values_of_car,
)
from platform_probe.judge.detection.watched import LEAST_COHORTS, MONTH_S
from platform_probe.judge.detection.watched_cohorts import MOST_COHORTS
from platform_probe.judge.diagnosis.cohorts.counts import Count

STEP_S: Final = 10.0
BLOCK_STEPS: Final = 60
MARGIN: Final = 2.0
"""A fleet's quietest hour is no measure of its busiest [E]."""
BUDGET: Final = 0.05
STRAGGLERS: Final = 0.05
"""The share of a wave's cars that may be single losses shortly before it began [E]."""
BACK: Final = 0.8
"""It is over when so many of them are back."""
AT_ONCE_S: Final = 15.0
"""All connections that break at once are noticed within so long [E]."""
HEARD_S: Final = 1.0
"""The time within which a stopping broker ends the connection after it reported lost cars [E]."""
BACK_SOON_S: Final = 300.0
NEARLY_ALL: Final = 0.8
"""The share of a cohort whose joint loss and quick return means that all of it reconnects [E]."""
REPEATED_S: Final = 600.0
CONNECTS: Final = 3
"""A car that connects anew so often within `REPEATED_S` connects again and again [E]."""
STABLE_S: Final = 300.0
"""A car that has kept its connection for so long no longer does [E]."""
OVER_S: Final = 3600.0
"""A wave is over too when no more were lost for so long: later losses are another matter."""
MOST_LOST: Final = 5_000
MOST_CARS: Final = 100_000
WAITS_S: Final = 60.0
"""How long after a start waves of an earlier process may still be found again [E]."""


class WaveKind(NamedTuple):
    """What happens to the cars of a wave, and how often it happens to single cars."""

    what: str
    """`Finding.what` of such a wave."""
    an_hour: float
    """The assumed share of connected cars to which it happens within an hour [E]."""
    least_cars: int
    """Fewer are no wave [E]."""
    again_s: float
    """A car to which it happens again so soon counts once."""
    apart_s: float
    """The cars of one wave follow each other within so long."""
    mode_if_all: str | None = None
    """The mode of a wave of nearly all cars that is soon over."""


LOST: Final = WaveKind(
    "cars_lost", an_hour=0.1, least_cars=8, again_s=600.0, apart_s=60.0,
    mode_if_all="reconnect_storm",
)  # fmt: skip
"""Fewer than eight at once are a car park. Keepalives end at different times."""
FLAPPING: Final = WaveKind(
    "flapping", an_hour=0.01, least_cars=3, again_s=6 * 3600.0, apart_s=REPEATED_S
)
"""A car with a loose plug connects again and again for hours: it counts once."""


class Earlier(NamedTuple):
    """A wave that an earlier process has found."""

    key: Key
    since_s: float
    cars: int
    """How many it had lost at most."""
    diagnoses: Sequence[Diagnosis]
    """Those that were told since."""


class Waves:
    """The tests on the cars that are lost, of those that are connected, or on another kind.

    `is_away` returns whether a car is not as it was before, at a monotonic time; by default,
    whether it is not connected.
    """

    def __init__(
        self,
        numbers: Iterator[int],
        cars: Fleet[Any],
        kind: WaveKind = LOST,
        is_away: Callable[[str, float], bool] | None = None,
    ) -> None:
        self._numbers = numbers
        self._cars = cars
        self._kind = kind
        self._is_away = is_away or self._is_not_connected
        self._a_step = kind.an_hour * STEP_S / 3600.0
        self._lost_s: dict[str, float] = {}
        """When each car was lost last, of those of the last `again_s` and some more."""
        self._tests: dict[Key, Evidence] = {}
        self._lost: deque[tuple[float, str, Values]] = deque(maxlen=MOST_LOST)
        """Cars that were lost and are of no wave."""
        self._learned = LearnedRate()
        self._steps = 0
        self._block = [0, 0]
        self._lost_of: Counter[Key] = Counter()
        """Cars that were lost in this step, by cohort."""
        self._suspects: set[Key] = set()
        self._look_s = math.inf
        """When to look at the suspects, once it is known that the broker did not stop."""
        self._next_s: float | None = None
        self._earlier: list[Earlier] = []
        self._waits_until_s = 0.0
        self._are_heard = False
        """Whether a retained message came since `tick`."""
        self.sightings: list[Sighting] = []
        self.offset_s = 0.0

    def take_up(self, earlier: Iterable[Earlier], now_s: float) -> None:
        """Look for waves of an earlier process once it is known which cars are still lost."""
        self._earlier = [*earlier]
        self._waits_until_s = now_s + WAITS_S

    def waits(self, now_s: float) -> bool:
        """Return whether waves of an earlier process may still be found again."""
        return bool(self._earlier) and now_s < self._waits_until_s

    def on_retained_message(self) -> None:
        """Note that a retained message has come: more may come."""
        self._are_heard = True

    def on_lost(self, vehicle_id: str, now_s: float) -> None:
        """Handle a car that is lost: the last will of a car that was connected."""
        if now_s - self._lost_s.get(vehicle_id, -math.inf) < self._kind.again_s:
            return
        self._lost_s[vehicle_id] = now_s
        values = values_of_car(self._cars.car(vehicle_id).labels)
        self._block[1] += 1
        for one in self.sightings:
            if is_in(one.key, values):
                one.note(now_s, car=vehicle_id)
                one.failed = len(one.cars)
                return
        self._lost.append((now_s, vehicle_id, values))
        for one in self.sightings:
            one.elsewhere_failed += is_outside_cohort(one.key, values)
        self._lost_of.update(keys_of(values))

    def hit(self, hit: Hit) -> None:
        """Handle a hit: the failed unlock of a lost car shows whom the wave affects."""
        for one in self.sightings if FAILED in hit.measures else ():
            if hit.vehicle_id in one.cars:
                one.note(one.last_s, customer=hit.customer, example=hit.attempt_id)

    def disconnected(self, now_s: float) -> None:
        """Withdraw the cars that were lost just before the monitor's own connection ended.

        A broker that stops tells all last wills first: no car was lost by itself.
        """
        since_s = now_s - AT_ONCE_S
        while self._lost and self._lost[-1][0] >= since_s:
            self._lost.pop()
        withdrawn = [car for car, at_s in self._lost_s.items() if at_s >= since_s]
        for car in withdrawn:
            del self._lost_s[car]
        self._block[1] = max(self._block[1] - len(withdrawn), 0)
        self._lost_of.clear()
        self._suspects.clear()
        for test in self._tests.values():
            test.clear()
        for one in self.sightings:
            one.is_over |= one.since_s >= since_s

    def tick(self, now_s: float) -> None:
        """Count the cars that were not lost, and look at what has enough evidence."""
        if self._next_s is None:
            self._next_s = now_s + STEP_S
        if now_s >= self._next_s:
            steps = int((now_s - self._next_s) // STEP_S) + 1
            self._next_s += steps * STEP_S
            self._take_steps(min(steps, BLOCK_STEPS), now_s)
        if self._earlier and self._cars and not self._are_heard:
            for earlier in self._earlier:
                self._find_again(earlier, now_s)
            self._earlier = []
        self._are_heard = False
        if now_s >= self.next_s():
            self._check_wave(now_s)
        for one in self.sightings:
            self._follow(one, now_s)

    def next_s(self) -> float:
        """Return when to look at lost cars at the latest, monotonic seconds; inf: at none."""
        return self._look_s if self._suspects else math.inf

    # Within

    def _online(self) -> Counter[Values]:
        """Return how many cars of each kind are connected."""
        online: Counter[Values] = Counter()
        for (labels, _, is_connected), number in self._cars.alike.items():
            if is_connected:
                online[values_of_car(labels)] += number
        return online

    def _share(self) -> float:
        return min(max(self._learned.share(self._a_step), self._a_step) * MARGIN, 0.2)

    def _limit(self) -> float:
        """Return the evidence that raises an alarm, corrected for the tests of a month."""
        cohorts = max(len(self._tests), LEAST_COHORTS)
        return (MONTH_S / STEP_S) * cohorts / (FALSE_ALARMS_A_MONTH * BUDGET)

    def _take_steps(self, steps: int, now_s: float) -> None:
        online = self._online()
        self._weigh(online, steps)
        self._block[0] += online.total() * steps
        self._steps += steps
        if self._steps >= BLOCK_STEPS:
            block = Block(now_s, self._block[0], self._block[1], 1.0)
            if not self.sightings:
                self._learned.close_block(block, prior=self._a_step)
            self._block, self._steps = [0, 0], 0
            for test in self._tests.values():
                test.expect(self._share())
            lost_s, again_s = self._lost_s.items(), self._kind.again_s
            self._lost_s = {name: at_s for name, at_s in lost_s if now_s - at_s < again_s}

    def _weigh(self, online: Counter[Values], steps: int) -> None:
        """Weigh the steps that are over, in each cohort of which cars were ever lost."""
        if not self._tests and not self._lost_of:
            return
        by_key: Counter[Key] = Counter()
        for values, number in online.items():
            for key in keys_of(values):
                by_key[key] += number
        limit = self._limit()
        self._test_lost(by_key)
        for key, test in self._tests.items():
            lost = self._lost_of[key]
            if test.step(by_key[key] * steps + lost, lost) > limit and self._lost:
                if not self._suspects:  # cars that are lost later delay no look
                    self._look_s = self._lost[-1][0] + HEARD_S
                self._suspects.add(key)
        self._lost_of.clear()

    def _test_lost(self, online: Counter[Key]) -> None:
        """Begin tests of the cohorts of lost cars, the largest first; empty ones make room."""
        lost = self._lost_of
        if len(self._tests) + len(lost) > MOST_COHORTS:
            kept = {key: test for key, test in self._tests.items() if online[key] or lost[key]}
            self._tests = kept
        for key, _ in lost.most_common():
            if key not in self._tests and len(self._tests) < MOST_COHORTS:
                self._tests[key] = Evidence(self._share())

    def _check_wave(self, now_s: float) -> None:
        """Make a sighting of the cars that were lost together."""
        self._suspects.clear()
        wave: list[tuple[float, str, Values]] = []
        newest_s = now_s
        for one in reversed(self._lost):
            if newest_s - one[0] > self._kind.apart_s:
                break
            newest_s = one[0]
            wave.append(one)
        if len(wave) < self._kind.least_cars:
            return
        since, online = newest_s + self.offset_s, self._online()
        counts = [
            Count(at=at_s + self.offset_s, values=values, vehicle_id=car, failures=1)
            for at_s, car, values in wave
        ]
        counts += [
            Count(at=now_s + self.offset_s, values=values, attempts=number)
            for values, number in online.items()
        ]
        found = search_traits_since(counts, since).found
        key = found[0].key if found else ()
        kinds = [*online, *(values for _, _, values in wave)]
        sighting = self._sighting(key, kinds, since_s=newest_s, last_s=now_s)
        members = [(at_s, car) for at_s, car, values in reversed(wave) if is_in(key, values)]
        for at_s, car in members:
            sighting.note(at_s, car=car)
        sighting.since_s = members[int(len(members) * STRAGGLERS)][0]
        sighting.failed = len(sighting.cars)
        left = (one for one in self._lost if one[1] not in sighting.cars)
        self._lost = deque(left, maxlen=MOST_LOST)
        self._count_of(sighting)
        sighting.elsewhere_failed = sum(is_outside_cohort(key, values) for _, _, values in wave)
        sighting.elsewhere_total += sighting.elsewhere_failed
        self.sightings.append(sighting)
        for test in self._tests.values():
            test.clear()

    def _find_again(self, earlier: Earlier, now_s: float) -> None:
        """Resume a wave whose cars are not back."""
        key, since_s = earlier.key, earlier.since_s
        lost = [
            name
            for name, car in self._cars.items()
            if car.standing is Session.WILL and is_in(key, values_of_car(car.labels))
        ]
        if len(lost) < max(self._kind.least_cars, (1.0 - BACK) * earlier.cars):
            return
        kinds = {values_of_car(car.labels) for _, car in self._cars.items()}
        sighting = self._sighting(key, kinds, since_s=since_s, last_s=since_s + self._kind.apart_s)
        sighting.cars.update(lost[:MOST_KEPT])
        sighting.failed = len(sighting.cars)
        self._count_of(sighting)
        for diagnosis in earlier.diagnoses:
            sighting.diagnosis(diagnosis)
        self._follow(sighting, now_s)
        if not sighting.is_over:
            self.sightings.append(sighting)

    def _sighting(
        self, key: Key, kinds: Iterable[Values], *, since_s: float, last_s: float
    ) -> Sighting:
        """Return a sighting of a cohort's lost cars; the caller notes it. `kinds` are all."""
        return Sighting(
            number=next(self._numbers),
            kind=IncidentKind.CARS_LOST,
            what=self._kind.what,
            since_s=since_s,
            last_s=last_s,
            key=key,
            common=common_of(key, kinds),
            expected=self._share(),
        )

    def _count_of(self, one: Sighting) -> None:
        """Note how many cars there are of a cohort with those that were lost, and elsewhere."""
        online = self._online().items()
        one.total = sum(number for values, number in online if is_in(one.key, values))
        one.total += sum(map(self._is_not_connected, one.cars))
        one.elsewhere_total = sum(
            number for values, number in online if is_outside_cohort(one.key, values)
        )

    def _is_not_connected(self, vehicle_id: str, _now_s: float = 0.0) -> bool:
        car = self._cars.get(vehicle_id)
        return car is not None and not car.is_connected

    def _follow(self, one: Sighting, now_s: float) -> None:
        away = sum(self._is_away(car, now_s) for car in one.cars)
        is_back = away <= (1.0 - BACK) * len(one.cars)
        lasted_s = one.last_s - one.since_s
        is_nearly_all = one.failed >= NEARLY_ALL * one.total and lasted_s <= AT_ONCE_S
        if is_back and is_nearly_all and now_s - one.last_s < BACK_SOON_S:
            one.mode = self._kind.mode_if_all
        if is_back or now_s - one.last_s > OVER_S:
            one.is_over = True


class Flapping:
    """Finds cars that connect again and again: a bad link, or two boxes of one name."""

    def __init__(self, numbers: Iterator[int], cars: Fleet[Any]) -> None:
        self.waves = Waves(numbers, cars, FLAPPING, self._is_flapping)
        self._connected_s: Latest[str, tuple[float, ...]] = Latest(MOST_CARS, within_s=REPEATED_S)
        """When each car has connected anew: the last times, the latest last."""

    def on_connected_anew(self, vehicle_id: str, now_s: float) -> None:
        """Handle a car that connects although it has not said goodbye."""
        before = self._connected_s.get(vehicle_id) or ()
        times = (*before[1 - CONNECTS :], now_s)
        self._connected_s.keep(vehicle_id, times, now_s)
        if len(times) == CONNECTS and now_s - times[0] <= REPEATED_S:
            self.waves.on_lost(vehicle_id, now_s)

    def _is_flapping(self, vehicle_id: str, now_s: float) -> bool:
        times = self._connected_s.get(vehicle_id)
        return times is not None and now_s - times[-1] < STABLE_S
