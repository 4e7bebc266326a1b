"""One future: an incident goes on for half an hour, with one mitigation or none.

It is a virtual run without a monitor and without files. Its counts come from what the customers
did: a run with its report costs ten times as much.
"""

from __future__ import annotations

import gc
import math
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final, NamedTuple

import msgspec

from fleet_sim.broker.model.broker import HOP_S, BrokerModel, ConnectLimit
from fleet_sim.broker.model.control import ModelControl, limits_of
from fleet_sim.cars.defects import Defects, ModelDefectError
from fleet_sim.cars.disturbance import BOX_LINK_LIMITS
from fleet_sim.cars.fleet import Fleet
from fleet_sim.cars.world import World
from fleet_sim.customers.failpoints import CustomerFailpoints
from fleet_sim.customers.records import AppScreen, CustomerEvent, CustomerStep, Witnesses
from fleet_sim.futures.fork import in_fork
from fleet_sim.mitigations.acting import MitigationTargets, Occasions, deed_of, has_occasion
from fleet_sim.mitigations.fault_ending import EndableFaults
from fleet_sim.platform.commands import PlatformCommand
from fleet_sim.platform.connection import PLATFORM_LINK_LIMITS
from fleet_sim.platform.gateway import EmulatedPlatform
from fleet_sim.platform.open_requests import PlatformLog
from fleet_sim.runs.course import RENTAL_S, Course, struck_cars
from fleet_sim.runs.injection import FaultTargets, Injector, broker_settings
from fleet_sim.runs.rentals import population_of
from fleet_sim.runs.virtual.time import EPOCH_UNIX_S, VirtualEnvironment
from fleet_sim.scenario.form import Customers, Scenario, select
from fleet_wire.arrivals import Poisson
from fleet_wire.contract.platform_log import PlatformEvent, PlatformStep
from fleet_wire.contract.signing import DEMO_SECRET
from fleet_wire.errors import ConfigError
from fleet_wire.profiles.loading import load_profile
from fleet_wire.randomness import RandomStream

DECISION_S: Final = 360.0
"""Seconds of load before the decision: customers who booked before it are at their cars by then,
after a walk of four minutes [E]."""
HORIZON_S: Final = 1_800.0
"""Seconds after the decision that are counted."""
CONNECT_S: Final = 60.0
"""Seconds until boxes are connected before the load begins [E]."""
RENTALS_S: Final = 3_600.0
"""A car is rented once in so many seconds at most: above that customers find no free car, and no
mitigation helps them [E]."""
STEP_S: Final = 30.0
"""Seconds between two looks at whether anybody who counts still waits."""
PARTS: Final = 2
"""Parts of the time before the decision: two show whether it grows [E]."""
_BOTH: Final = (False, True)
_SENT: Final = (PlatformStep.WOKEN, PlatformStep.PUBLISHED)
OVERTIME_S: Final = 1_800.0
"""Seconds after the horizon in which customers who have pressed may end their try."""


class FutureCounts(msgspec.Struct, frozen=True):
    """The counts of one future, from the decision to the horizon."""

    customers: float
    """Customers who pressed for the first time, or found no car to book."""
    lost: float
    """Those of them who gave up, or found no car."""
    waiting_s: float
    """Seconds that all of them stood in front of a shut car."""
    sms: float
    """SMS to wake boxes."""
    commands: float
    """Commands that the platform published, repetitions included."""
    stand_for: float = 1.0
    """How many customers each one that was played stands for."""

    def scaled(self, factor: float) -> FutureCounts:
        """Return the counts of so many times as many customers."""
        if factor == 1.0:
            return self
        return FutureCounts(*(factor * value for value in msgspec.structs.astuple(self)))


class PastCounts(msgspec.Struct, frozen=True):
    """How the customers of the time before the decision got in, as a monitor sees it.

    Each list has an entry for each of the `PARTS` of that time, and each entry has how many got in
    with one press, with more presses, not at all, and how many could book no car.
    """

    struck: list[list[int]]
    """Customers with a car that a fault is aimed at."""
    well: list[list[int]]
    """Customers with another car."""


class _Wait(NamedTuple):
    """A customer in front of a shut car."""

    entry: list[int]
    """Counts of the part in which this one counts."""
    is_left_open: bool
    """Whether the car was open already: who gets in owes it to no press."""


@dataclass(slots=True)
class _PastTally:
    """Counts how customers get in before the decision, as a monitor sees it.

    A customer who presses again and is never told that the car is open looks lost, though the door
    may open.
    """

    until_s: float
    is_locked: Callable[[str], bool]
    load_starts_s: float = 0.0
    struck: frozenset[str] = frozenset()
    waits: dict[str, _Wait] = field(default_factory=dict)
    again: set[str] = field(default_factory=set)
    """Those who wait and have pressed more than once."""
    shown_open: set[str] = field(default_factory=set)
    """Those who wait and whose app says that the car is open."""
    found: dict[bool, list[list[int]]] = field(
        default_factory=lambda: {
            is_struck: [[0, 0, 0, 0] for _ in range(PARTS)] for is_struck in _BOTH
        }
    )

    def add_step(self, event: CustomerEvent) -> None:
        """Count a step of a customer who first pressed, or could not book, in time."""
        who, vehicle_id = event.customer_id, event.vehicle_id or ""
        if event.step is CustomerStep.PRESSED:
            if event.press == 1 and event.at_s < self.until_s:
                is_left_open = not self.is_locked(vehicle_id)
                self.waits[who] = _Wait(self._entry(event), is_left_open)
            elif who in self.waits:
                self.again.add(who)
        elif event.step is CustomerStep.NOT_BOOKED:
            if event.at_s < self.until_s:
                self._entry(event)[3] += 1
        elif event.step is CustomerStep.SHOWN:
            if event.shown == AppScreen.OPEN:
                self.shown_open.add(who)
        elif event.step in (CustomerStep.OPENED, CustomerStep.GAVE_UP) and who in self.waits:
            entry, is_left_open = self.waits.pop(who)
            is_lost = event.step is CustomerStep.GAVE_UP
            is_again = who in self.again
            is_lost = is_lost or ((is_left_open or is_again) and who not in self.shown_open)
            entry[2 if is_lost else is_again] += 1

    def _entry(self, event: CustomerEvent) -> list[int]:
        part = int(PARTS * event.at_s / self.until_s)
        return self.found[event.vehicle_id in self.struck][part]

    def add_event(self, event: PlatformEvent) -> None:
        """Pass over a line of the platform's log."""

    def counts(self) -> PastCounts:
        """Return the counts; customers who still wait at the end are lost."""
        for wait in self.waits.values():
            wait.entry[2] += 1
        return PastCounts(struck=self.found[True], well=self.found[False])


@dataclass(slots=True)
class _Tally:
    """Counts what customers do and what the platform logs, as it happens."""

    from_s: float
    until_s: float
    load_starts_s: float = 0.0
    struck: frozenset[str] = frozenset()
    waits: dict[str, float] = field(default_factory=dict)
    """Second of the first press, of each customer in front of a shut car."""
    customers: int = 0
    lost: int = 0
    waiting_s: float = 0.0
    sms: int = 0
    commands: int = 0

    def add_step(self, event: CustomerEvent) -> None:
        """Count a step of a customer, unless the wait began outside the span."""
        at_s, who = event.at_s, event.customer_id
        if event.step is CustomerStep.PRESSED:
            if event.press == 1 and self.from_s <= at_s < self.until_s:
                self.waits[who] = at_s
                self.customers += 1
        elif event.step is CustomerStep.NOT_BOOKED:
            if self.from_s <= at_s < self.until_s:
                self.customers += 1
                self.lost += 1
        elif event.step in (CustomerStep.OPENED, CustomerStep.GAVE_UP):
            since_s = self.waits.pop(who, None)
            if since_s is not None:
                self.waiting_s += at_s - since_s
                self.lost += event.step is CustomerStep.GAVE_UP

    def add_event(self, event: PlatformEvent) -> None:
        """Count a line of the platform's log."""
        at_s = event.at - EPOCH_UNIX_S - self.load_starts_s
        if self.from_s <= at_s < self.until_s:
            self.sms += event.event is PlatformStep.WOKEN
            self.commands += event.event is PlatformStep.PUBLISHED

    def counts(self) -> FutureCounts:
        """Return the counts; customers who still wait at the end are lost."""
        return FutureCounts(
            customers=self.customers,
            lost=self.lost + len(self.waits),
            waiting_s=round(self.waiting_s, 3),
            sms=self.sms,
            commands=self.commands,
        )


def checked_world(
    scenario: Scenario, decision_s: float = DECISION_S
) -> tuple[Scenario, float, float]:
    """Return a scenario as a world of futures: customers come at its mean rate until the horizon.

    They are at most as many as its cars can serve, see `RENTALS_S`. The second value is how many
    customers of the scenario each of them stands for, the third is `Course.away`. The fault has
    lasted for `decision_s` at the decision.

    Raises `ConfigError` where it has no customers or no fault: there is nothing to mitigate.
    """
    customers = scenario.customers
    if customers is None:
        raise ConfigError(["the scenario has no customers: futures count lost rentals"])
    if not scenario.faults:
        raise ConfigError(["the scenario has no fault: there is nothing to mitigate"])
    cars = len(select(scenario.cars(), customers.targets, 0, "futures/targets"))
    wanted = _mean_rate_per_s(customers)
    rate = min(wanted, cars / RENTALS_S)
    stage = {"kind": "poisson", "rate_per_s": rate, "duration_s": decision_s + HORIZON_S}
    values = customers.model_dump() | {"stages": [stage]}
    checked = type(customers).model_validate(values)
    away = rate * RENTAL_S / cars
    return scenario.model_copy(update={"customers": checked}), wanted / rate, away


def _mean_rate_per_s(customers: Customers) -> float:
    """Return how many customers come in a second: of chance its mean, not one draw of it."""
    stream = RandomStream.named(0, "futures/rate")
    number = sum(
        stage.rate_per_s * stage.duration_s
        if isinstance(stage, Poisson)
        else len(stage.times(stream))
        for stage in customers.known_stages
    )
    return max(number, 1) / customers.duration_s


def play_futures(
    scenario: Scenario, courses: Sequence[Course], seed: int, *, forks: bool
) -> list[FutureCounts]:
    """Play a future of a checked world with each course, and return its counts.

    Courses have one decision. With `forks` they share the time until each mitigation acts: a
    process is forked from this one for it. Raises `ModelDefectError` where the model failed: its
    counts would be worth nothing.
    """
    together = [[*range(len(courses))]] if forks else [[number] for number in range(len(courses))]
    with _without_garbage_collection():
        found = {
            number: counts
            for numbers in together
            for number, counts in _played_together(scenario, courses, numbers, seed).items()
        }
    return [found[number] for number in range(len(courses))]


def _played_together(
    scenario: Scenario, courses: Sequence[Course], numbers: Sequence[int], seed: int
) -> dict[int, FutureCounts]:
    """Return the counts of some of the courses, by number."""
    future = _Future(scenario, courses[0], seed)
    future.play_to_decision()
    found: dict[int, FutureCounts] = {}
    if len(numbers) > 1 and courses[numbers[0]].mitigation is None:
        limits = [_limit_of(courses[number]) for number in numbers]
        counts, occasions = in_fork(partial(future.counts_and_occasions, min(limits)))
        idle = [each for each in numbers if not future.may_change(courses[each], occasions)]
        found |= dict.fromkeys(idle, counts)
    alike: dict[Hashable, list[int]] = {}
    for number in sorted(numbers, key=lambda number: courses[number].acts_s):
        if number not in found:
            alike.setdefault(future.deed_of(courses[number]), []).append(number)
    for place, same in enumerate(alike.values(), start=1):
        course = courses[same[0]]
        future.play_to(course.acts_s)
        if future.may_go_on_with(course):
            play_on = partial(future.counts_with, course)
            counts = play_on() if place == len(alike) else in_fork(play_on)
        else:
            counts = _Future(scenario, course, seed).counts_from_beginning()
        found |= dict.fromkeys(same, counts)
    return found


def _limit_of(course: Course) -> float:
    mitigation = course.mitigation
    limit = None if mitigation is None else mitigation.connects_per_s
    return math.inf if limit is None else limit


def play_past(scenario: Scenario, course: Course, seed: int) -> PastCounts:
    """Play a checked world from the fault's beginning to the decision; return what was to be seen.

    Raises as `play_futures` does.
    """
    with _without_garbage_collection():
        return _Future(scenario, course, seed).past_counts()


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Collect no garbage: a future lives for a tenth of a second, and makes hardly a cycle."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class _CommandLog(PlatformLog):
    """A log of what is sent to cars: a future reads no other lines."""

    def of_request(self, *_: object) -> None:
        """Write nothing."""

    def of_command(
        self, step: PlatformStep, command: PlatformCommand, *, at: float | None = None
    ) -> None:
        """Write a line about what is sent."""
        if step in _SENT:
            super().of_command(step, command, at=at)


class _Future:
    """The parts of one future, put together as a virtual run does without its monitor."""

    def __init__(self, scenario: Scenario, course: Course, seed: int) -> None:
        self._scenario = scenario
        self._course = course
        self._tally: _Tally | _PastTally = _Tally(
            from_s=course.decision_s, until_s=course.decision_s + HORIZON_S
        )
        self._env = VirtualEnvironment()
        self._defects = Defects()
        self._broker = BrokerModel(
            self._env, hop_s=HOP_S, limits=limits_of(broker_settings(scenario))
        )
        self._broker.on_handler_error = self._defects.note
        profile = load_profile(scenario.fleet.profile)
        self._link = partial(self._broker.link, protocol=profile.traits.mqtt)
        self._world = World(
            env=self._env,
            seed=seed,
            fleet_secret=DEMO_SECRET,
            epoch_unix_s=EPOCH_UNIX_S,
            link_factory=partial(self._link, limits=BOX_LINK_LIMITS),
            profile=profile,
            defects=self._defects,
            has_traces=False,
            on_bad_certificate=self._broker.bad_certificate,
        )
        self._specs = scenario.cars()
        self._fleet = Fleet(self._world, self._specs, sms_centre="sms-centre")
        self._platform = EmulatedPlatform(
            replace(self._world, link_factory=partial(self._link, limits=PLATFORM_LINK_LIMITS)),
            scenario.platform_parameters,
            vehicle_ids=frozenset(spec.vehicle_id for spec in self._specs),
            write=self._add_event,
            log_type=_CommandLog,
        )

    def play_to_decision(self) -> None:
        """Play it until the decision."""
        self._start_world()
        self.play_to(self._course.decision_s)

    def play_to(self, moment_s: float) -> None:
        """Play it until a second of load, if that is to come, or until the horizon."""
        until_s = min(moment_s, self._tally.until_s)
        self._env.run_to(self._load_starts_s + until_s, self._defects)

    def counts_and_occasions(self, connects_per_s: float) -> tuple[FutureCounts, Occasions]:
        """Play it on with its course; return its counts, and on what mitigations would have acted.

        A rush is more connections than `connects_per_s`.
        """
        limit = self._broker.connect_limit = ConnectLimit(connects_per_s, is_enforced=False)
        wakes = self._platform.service.wakes
        counts = self.counts_with(self._course)
        had_wakes = self._platform.service.wakes > wakes
        return counts, Occasions(had_wakes, limit.is_exceeded)

    def may_go_on_with(self, course: Course) -> bool:
        """Return whether the time so far is that of a course."""
        return course.may_begin_now(self._targets.faults)

    def may_change(self, course: Course, occasions: Occasions) -> bool:
        """Return whether a course is another one than doing nothing."""
        mitigation = course.mitigation
        return mitigation is not None and has_occasion(mitigation, self._targets, occasions)

    def deed_of(self, course: Course) -> Hashable:
        """Return a value that is equal for courses that have the same future."""
        return course.mitigation and deed_of(course.mitigation, self._targets)

    def counts_from_beginning(self) -> FutureCounts:
        """Play it with faults that know from their beginning when they are ended."""
        self._start_world()
        return self.counts_with(self._course)

    def counts_with(self, course: Course) -> FutureCounts:
        """Play it on with a course, and return its counts."""
        assert isinstance(self._tally, _Tally)  # noqa: S101 - see `past_counts`
        course.mitigate(self._targets, load_starts_s=self._load_starts_s)
        self._play_on()
        return self._tally.counts()

    def past_counts(self) -> PastCounts:
        """Play it to the decision, and return how customers had got in."""
        boxes = self._fleet.boxes
        self._tally = tally = _PastTally(
            until_s=self._course.decision_s, is_locked=lambda car: boxes[car].vehicle.is_locked
        )
        self._start_world()
        self._play_on()
        return tally.counts()

    def _start_world(self) -> None:
        """Start cars and platform, and the load when they are connected."""
        self._fleet.start()
        self._platform.start()
        self._env.run_to(CONNECT_S, self._defects)
        self._tally.load_starts_s = self._load_starts_s = self._env.now
        self._targets = self._start_load(self._load_starts_s)

    def _play_on(self) -> None:
        """Play it until nobody who counts still waits."""
        env, defects, tally = self._env, self._defects, self._tally
        horizon_s = self._load_starts_s + tally.until_s
        while env.now < horizon_s or (tally.waits and env.now < horizon_s + OVERTIME_S):
            env.run_to(env.now + STEP_S, defects)
        if defects.count:
            raise ModelDefectError(defects.count, defects.first)

    def _add_event(self, event: PlatformEvent) -> None:
        self._tally.add_event(event)

    def _start_load(self, starts_s: float) -> MitigationTargets:
        """Start faults and customers; return what a mitigation acts on."""
        failpoints, faults = CustomerFailpoints(), EndableFaults()
        injector = Injector(
            self._specs,
            self._fleet,
            load_starts_s=starts_s,
            record=_forget,
            around=FaultTargets(self._platform, ModelControl(self._broker), failpoints),
            process_of=faults.process_of,
        ).inject_all(self._scenario)
        assert self._scenario.customers is not None  # noqa: S101 - see `checked_world`
        population = population_of(
            self._scenario.customers,
            self._fleet,
            self._platform,
            Witnesses(
                record=self._tally.add_step,
                told_open=_forget,
                told_locked=_forget,
                called_support=_forget,
            ),
            failpoints=failpoints,
        )
        population.start(starts_s)
        self._tally.struck = frozenset(
            vehicle_id for each in injector.injected for vehicle_id in each.vehicle_ids
        )
        struck = struck_cars(injector.injected)
        targets = MitigationTargets(
            self._fleet, self._specs, self._platform, population, self._broker, struck, faults
        )
        self._course.begin(targets, load_starts_s=starts_s)
        return targets


def _forget(*_: object) -> None:
    """Ignore a call."""
