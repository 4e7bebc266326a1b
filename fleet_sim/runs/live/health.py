"""Reports on the brokers and links of a live fleet: each problem once, and once that it is over.

Boxes say whether their brokers are there, and nobody else: a client of its own might be let in
where they are not. The clients beside the boxes, the SMS centre and the null box, are the user of
`--broker`, whoever the boxes are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from fleet_sim.cars.box import Box
from fleet_sim.cars.fleet import Fleet
from fleet_sim.cars.spec import NULL_CAR
from fleet_sim.results import readable
from fleet_sim.runs.live.waiting import on_broker, which_broker, why_not
from fleet_wire.error_text import first_few
from fleet_wire.links.brokers import Brokers, broker_of
from fleet_wire.links.link import Disconnected

AWAY_AFTER_S: Final = 2.0
"""A broker that is started again, or starts beside the boxes, is not worth a word."""
ANSWER_S: Final = 2.0
"""Seconds after the boxes within which the broker should answer the clients beside them."""
POLL_S: Final = 0.05
MOST_NAMED: Final = 3
"""Most absent boxes that a message names."""

BrokerStates = Mapping[int, str]
"""The connection of each broker, by its index in the list: "" if a box is connected, else the
reason of the last failure. A broker that no box has tried is missing."""


class Health:
    """Says once that something is wrong, and once that it is not any more."""

    def __init__(self, note: Callable[[str], object]) -> None:
        self._note = note
        self._failing: set[str] = set()

    def report(self, subject: str, problem: str | None, *, end: str) -> None:
        """Report a problem of something; None: there is none, as `end` says after a problem."""
        if problem is not None and subject not in self._failing:
            self._failing.add(subject)
            self._note(problem)
        elif problem is None and subject in self._failing:
            self._failing.discard(subject)
            self._note(end)


class BoxesAtBrokers:
    """The boxes of a process by their broker, and why one could not connect last."""

    def __init__(self, brokers: int) -> None:
        self._boxes: list[list[Box]] = [[] for _ in range(brokers)]
        self._ends: dict[int, tuple[str, Disconnected]] = {}

    def add(self, boxes: Iterable[Box]) -> None:
        """Register the boxes, once they are made."""
        for box in boxes:
            self._boxes[broker_of(box.vehicle_id, len(self._boxes))].append(box)

    def record_failure(self, vehicle_id: str, end: Disconnected) -> None:
        """Record that a box could not connect, and why."""
        self._ends[broker_of(vehicle_id, len(self._boxes))] = vehicle_id, end

    def states(self, why: Callable[[Disconnected], str]) -> dict[int, str]:
        """Return how it is with each broker now; `why` puts an end into words."""
        states: dict[int, str] = {}
        for place, boxes in enumerate(self._boxes):
            if any(box.modem.connection.is_up for box in boxes):
                states[place] = ""
                self._ends.pop(place, None)
            elif place in self._ends:
                vehicle_id, end = self._ends[place]
                if any(box.vehicle_id == vehicle_id and not box.is_asleep for box in boxes):
                    states[place] = why(end)
        return states


def merge_states(each: Iterable[BrokerStates]) -> dict[int, str]:
    """Return the states that several processes have seen as one: a broker is there for all."""
    states: dict[int, str] = {}
    for one in each:
        for place, why in one.items():
            states[place] = why and states.get(place, why)
    return states


def without_in_words(missing: int) -> str:
    """Return the message that a fleet goes on without some boxes."""
    are = "is" if missing == 1 else "are"
    return f"going on without {readable.boxes(missing)} that {are} not there yet"


def _named(ids: Iterable[str], total: int) -> str:
    """Return the first few ids of cars, and that there are more."""
    return first_few((one for one in ids if one != NULL_CAR.vehicle_id), total, MOST_NAMED)


class FleetHealth:
    """The brokers of a fleet and the clients beside its boxes; `note` gets each report."""

    def __init__(self, fleet: Fleet, brokers: Brokers, note: Callable[[str], object]) -> None:
        self._fleet = fleet
        self._brokers = brokers
        self._health = Health(note)
        self._away_since_s: dict[int, float] = {}
        self._has_settled = False

    # The boxes of this process

    def away(self, boxes: int) -> str:
        """Return how many of so many boxes are neither connected nor asleep, which and why."""
        counts = self._fleet.world.counts
        away = boxes - counts.reachable - counts.asleep
        if away <= 0:
            return ""
        ids = (
            vehicle_id
            for vehicle_id, box in self._fleet.boxes.items()
            if not box.modem.connection.is_reachable and not box.is_asleep
        )
        return f"{away} away, {_named(ids, away)}{self.last_failure()}"

    def going_on_without(self, missing: int) -> str:
        """Return which boxes have not connected yet, and why not."""
        boxes = self._fleet.boxes.items()
        ids = (vehicle_id for vehicle_id, box in boxes if not box.modem.connection.is_known)
        return f"{without_in_words(missing)}, {_named(ids, missing)}{self.last_failure()}"

    def last_failure(self) -> str:
        """Return whose connection was lost last, or not made, and why: the end of a sentence."""
        counts = self._fleet.world.counts
        if counts.last_end is None:
            return ""
        where = on_broker(self._brokers, counts.last_end_of)
        return f"; last failure, of {counts.last_end_of}: {where}{self.why(counts.last_end)}"

    def why(self, end: Disconnected) -> str:
        """Return why a client of this process is not connected."""
        has_answered = self._fleet.world.counts.known > 0
        return why_not(end, self._brokers, has_answered=has_answered)

    # The brokers, and the clients beside the boxes

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

    async def settle(self) -> None:
        """Wait for the broker's first answer to each client beside the boxes, then report them."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + ANSWER_S
        while loop.time() < until_s and any(self._have_no_answer()):  # noqa: ASYNC110 - a few times
            await asyncio.sleep(POLL_S)
        self._has_settled = True
        self.report_helpers()

    def report_helpers(self) -> None:
        """Report clients beside the boxes that are not connected, once they have had their time."""
        if self._has_settled:
            for who, problem in self._helpers():
                self._health.report(who, problem, end=f"{who} is connected")

    def _helpers(self) -> Iterator[tuple[str, str | None]]:
        """Yield each client, and what does not work without it; None: it is connected."""
        fleet, helper = self._fleet, self._problem_of
        end = fleet.sms_centre.client.last_end
        yield helper("the SMS centre", end, "cars that sleep are not woken")
        if fleet.shadow_service.client is not None:
            end = fleet.shadow_service.client.last_end
            yield helper("the shadow service", end, "no command reaches a car")
        null_box = fleet.boxes.get(NULL_CAR.vehicle_id)
        if null_box is not None:
            end = None if null_box.modem.connection.is_reachable else fleet.beside.last_end
            which = which_broker(self._brokers, NULL_CAR.vehicle_id)
            without = f"it answers no unlocks of the floor{which and f' on {which}'}"
            yield helper(f"the null box {NULL_CAR.vehicle_id}", end, without)

    def _problem_of(
        self, who: str, end: Disconnected | None, without: str
    ) -> tuple[str, str | None]:
        if end is None:
            return who, None
        name = self._brokers.first.username
        user = f"user {name}" if name else "no user"
        problem = f"{who} is not connected, with {user} in --broker: {without}"
        return who, f"{problem}. {self.why(end)}"

    def _have_no_answer(self) -> Iterator[bool]:
        yield self._fleet.sms_centre.client.has_no_answer
        null_box = self._fleet.boxes.get(NULL_CAR.vehicle_id)
        if null_box is not None:
            connection = null_box.modem.connection
            yield not connection.is_known and self._fleet.beside.last_end is None
