"""Reports on a live run: what is wrong is said once, and once that it is over.

Boxes say whether their brokers are there, and nobody else: a client of its own might be let in
where they are not. The clients beside the boxes, the SMS centre and the null box, are the user of
`--broker`, whoever the boxes are.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from time import monotonic
from typing import Final, NamedTuple

from fleet_sim.cars.box import Box
from fleet_sim.cars.fleet import Fleet
from fleet_sim.cars.spec import NULL_CAR
from fleet_sim.runs.live.waiting import which_broker, why_not
from fleet_wire.error_text import first_few
from fleet_wire.links.brokers import Brokers, broker_of
from fleet_wire.links.link import Disconnected

AWAY_AFTER_S: Final = 2.0
"""A broker that is started again, or starts beside the boxes, is not worth a word."""
ANSWER_S: Final = 2.0
"""Seconds after the boxes within which the broker should answer the clients beside them."""
POLL_S: Final = 0.05
LOOK_S: Final = 0.5
"""Seconds between two looks at the brokers."""
WATCH_S: Final = 1.0
"""Seconds between two looks at the processes."""
STILL_S: Final = 10.0
"""Seconds without a sign of life after which a process counts as stalled."""
MOST_NAMED: Final = 3
"""Most absent boxes that a message names."""

BrokerStates = Mapping[int, str]
"""The connection of each broker, by its index in the list: "" if a box is connected, else the
reason of the last failure. A broker that no box has tried is missing."""


class Silence(NamedTuple):
    """A time in which a process gave no sign of life, in seconds of the monotonic clock."""

    since: float
    until: float | None
    """None: it is lost, and gives none any more."""


class Pulse:
    """The signs of life of a process: says when there are none, and when it is back.

    `without` says what that means for the run; the first sign may need `grace_s` more.
    """

    def __init__(self, name: str, *, without: str = "", grace_s: float = 0.0) -> None:
        self.name = name
        self.note: Callable[[str], object] = lambda _text: None
        self._without = without
        self.silent_s = -grace_s
        """Since the last sign, less the time in which this process stood still itself."""
        self.heard_at = monotonic() + grace_s
        """When the last sign came; before the first, when that should have come."""
        self.silences: list[Silence] = []
        """Those that are over, and the last of a lost process."""

    @property
    def is_silent(self) -> bool:
        """Whether it gives no sign of life: it is stopped, or gets no turn."""
        return self.silent_s >= STILL_S

    @property
    def texts(self) -> tuple[str, ...]:
        """Its name, and how long it was silent, each time before it went on."""
        return tuple(
            f"{self.name}: silent for {until - since:.0f} s"
            for since, until in self.silences
            if until is not None
        )

    def beat(self, at: float | None = None) -> None:
        """Record a sign of life, given `at`, in seconds of the monotonic clock.

        A process that says when it gives them tells us of a stall that we could not see, such as
        that of all after Ctrl-Z. None: now.
        """
        length_s = self.silent_s if at is None else at - self.heard_at
        at = monotonic() if at is None else at
        if self.is_silent or length_s >= STILL_S:
            self.silences.append(Silence(self.heard_at, at))
            self.note(f"{self.name} is back after {length_s:.0f} s")
        self.silent_s, self.heard_at = 0.0, at

    def pass_time(self, seconds: float) -> None:
        """Count time without a sign of life."""
        was_silent = self.is_silent
        self.silent_s += seconds
        if self.is_silent and not was_silent:
            self.note(f"{self.name} gives no sign of life for {STILL_S:.0f} s: {self._without}")

    def end(self) -> None:
        """Record that the process is over: it is silent no more."""
        self.silent_s = -math.inf


class Health:
    """Says once that something is wrong, and once that it is not any more."""

    def __init__(self, note: Callable[[str], object]) -> None:
        self.note = note
        self._failing: set[str] = set()
        self._own: Pulse | None = None
        self._others: list[Pulse] = []

    def report(self, subject: str, problem: str | None, *, end: str) -> None:
        """Report a problem of something; None: there is none, as `end` says after a problem."""
        if problem is not None and subject not in self._failing:
            self._failing.add(subject)
            self.note(problem)
        elif problem is None and subject in self._failing:
            self._failing.discard(subject)
            self.note(end)

    def follow(self, pulse: Pulse, *, is_ours: bool = False) -> None:
        """Report on a process from now on: this one, or another."""
        pulse.note = self.note
        if is_ours:
            self._own, pulse.heard_at = pulse, monotonic()
        else:
            self._others.append(pulse)

    async def watch_processes(self) -> None:
        """Report which processes stand still, until it is cancelled.

        Time in which this process gets no turn is not theirs.
        """
        while True:
            await asyncio.sleep(WATCH_S)
            if self._own is not None:
                self._own.beat(monotonic())
            for pulse in self._others:
                pulse.pass_time(WATCH_S)


def merge_states(each: Iterable[BrokerStates]) -> dict[int, str]:
    """Return the states that several processes have seen as one: a broker is there for all."""
    states: dict[int, str] = {}
    for one in each:
        for place, why in one.items():
            states[place] = why and states.get(place, why)
    return states


class FleetHealth:
    """The brokers of a process's boxes, and the clients beside these; `note` gets each report."""

    def __init__(self, brokers: Brokers, note: Callable[[str], object]) -> None:
        self._fleet: Fleet
        self._brokers = brokers
        self._health = Health(note)
        self._boxes: list[list[Box]] = [[] for _ in brokers.addresses]
        self._ends: dict[int, tuple[str, Disconnected]] = {}
        """The box that could not connect last, and why, for each of several brokers."""
        self._away_since_s: dict[int, float] = {}
        self._has_settled = False
        self.states_elsewhere: Callable[[], Iterable[BrokerStates]] = tuple
        """Returns what other processes say of the brokers."""

    def follow(self, fleet: Fleet) -> None:
        """Report on these boxes from now on."""
        self._fleet = fleet
        for vehicle_id, box in fleet.boxes.items() if len(self._boxes) > 1 else ():
            if vehicle_id != NULL_CAR.vehicle_id:
                self._boxes[broker_of(vehicle_id, len(self._boxes))].append(box)

    def first_names(self, total: int, is_meant: Callable[[Box], bool]) -> str:
        """Return the first few of `total` boxes, and that there are more."""
        boxes = self._fleet.boxes.items()
        ids = (one for one, box in boxes if one != NULL_CAR.vehicle_id and is_meant(box))
        return first_few(ids, total, MOST_NAMED)

    def _why(self, end: Disconnected) -> str:
        """Return why a client of this process is not connected."""
        has_answered = self._fleet.world.counts.known > 0
        return why_not(end, self._brokers, has_answered=has_answered)

    # Several brokers

    def record_failure(self, vehicle_id: str, end: Disconnected) -> None:
        """Record that a box could not connect, and why."""
        self._ends[broker_of(vehicle_id, len(self._boxes))] = vehicle_id, end

    def states(self) -> dict[int, str]:
        """Return how it is with each of several brokers now; {} where there is one alone."""
        states: dict[int, str] = {}
        for place, boxes in enumerate(self._boxes):
            if any(box.modem.connection.is_up for box in boxes):
                states[place] = ""
                self._ends.pop(place, None)
            elif place in self._ends:
                vehicle_id, end = self._ends[place]
                if not self._fleet.boxes[vehicle_id].is_asleep:
                    states[place] = self._why(end)
        return states

    async def watch_brokers(self) -> None:
        """Report which of several brokers are away, until it is cancelled.

        Before any has let a box in, whoever waits for that reports on them.
        """
        has_answered = False
        while len(self._boxes) > 1:
            await asyncio.sleep(LOOK_S)
            states = merge_states((self.states(), *self.states_elsewhere()))
            has_answered = has_answered or "" in states.values()
            if has_answered:
                self.report_brokers(states, monotonic())

    def report_brokers(self, states: BrokerStates, now_s: float) -> None:
        """Report which of several brokers are away, by their present states."""
        for place, why in states.items():
            broker = f"broker {self._brokers.addresses[place]}"
            since_s = self._away_since_s.setdefault(place, now_s)
            problem = f"{broker}: none of its boxes is connected: {why}" if why else None
            if problem is None:
                del self._away_since_s[place]
            elif now_s - since_s < AWAY_AFTER_S:
                continue
            self._health.report(broker, problem, end=f"{broker}: boxes connect to it now")

    # The clients beside the boxes

    async def settle(self) -> None:
        """Wait a moment for the clients beside the boxes, then report those that are away."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + ANSWER_S
        while loop.time() < until_s and not all(each.is_there for each in self._helpers()):  # noqa: ASYNC110 - a few times
            await asyncio.sleep(POLL_S)
        self._has_settled = True
        self.report_helpers()

    def report_helpers(self) -> None:
        """Report clients beside the boxes that are not connected, once they have had their time."""
        for helper in self._helpers() if self._has_settled else ():
            problem = None if helper.is_there else self._problem_of(helper)
            self._health.report(helper.name, problem, end=f"{helper.name} is connected")

    def _helpers(self) -> Iterator[_Helper]:
        fleet = self._fleet
        for name, client, without in (
            ("the SMS centre", fleet.sms_centre.client, "cars that sleep are not woken"),
            ("the shadow service", fleet.shadow_service.client, "no command reaches a car"),
        ):
            if client is not None:
                yield _Helper(name, client.link.is_connected, client.last_end, without)
        if (box := fleet.boxes.get(NULL_CAR.vehicle_id)) is not None:
            which = which_broker(self._brokers, NULL_CAR.vehicle_id)
            yield _Helper(
                f"the null box {NULL_CAR.vehicle_id}",
                box.modem.connection.is_reachable,
                fleet.beside.last_end,
                f"it answers no unlocks of the floor{which and f' on {which}'}",
            )

    def _problem_of(self, helper: _Helper) -> str:
        name = self._brokers.first.username
        user = f"user {name}" if name else "no user"
        why = "It does not answer" if helper.end is None else self._why(helper.end)
        return f"{helper.name} is not connected, with {user} in --broker: {helper.without}. {why}"


class _Helper(NamedTuple):
    """A client beside the boxes, and what does not work without it."""

    name: str
    is_there: bool
    end: Disconnected | None
    without: str
