"""Those beside the boxes, the SMS centre and the null box: whether they are connected, or why not.

They are the user of `--broker`, whoever the boxes are. Otherwise nobody would see why all sleeping
cars stay asleep.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

from fleet_sim.cars.fleet import Fleet
from fleet_sim.cars.spec import NULL_CAR
from fleet_sim.runs.live.waiting import which_broker, why_not
from fleet_wire.links.brokers import Brokers
from fleet_wire.links.link import Disconnected

ANSWER_S = 2.0
"""Seconds after the boxes within which the broker should answer these helpers."""
POLL_S = 0.05


class HelperWatch:
    """Says once that one of them is not connected, and once that it is."""

    def __init__(self, fleet: Fleet, brokers: Brokers, note: Callable[[str], None]) -> None:
        self._fleet = fleet
        self._brokers = brokers
        self._note = note
        self._missing: set[str] = set()

    async def settle(self) -> None:
        """Wait for each client's first answer from the broker, then report those without one."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + ANSWER_S
        while loop.time() < until_s and any(self._has_no_answer()):  # noqa: ASYNC110 - a few times
            await asyncio.sleep(POLL_S)
        self.say()

    def say(self) -> None:
        """Report changes."""
        for who, end, without in self._failures():
            if who not in self._missing:
                self._missing.add(who)
                name = self._brokers.first.username
                user = f"user {name}" if name else "no user"
                why = why_not(end, self._brokers, has_answered=self._fleet.world.counts.known > 0)
                self._note(f"{who} is not connected, with {user} in --broker: {without}. {why}")
        failing = {who for who, _, _ in self._failures()}
        for who in sorted(self._missing - failing):
            self._missing.discard(who)
            self._note(f"{who} is connected")

    def _failures(self) -> Iterator[tuple[str, Disconnected, str]]:
        """Yield each client without a connection, the reason, and what does not work without it."""
        end = self._fleet.sms_centre.last_end
        if end is not None:
            yield "the SMS centre", end, "cars that sleep are not woken"
        end = self._fleet.shadow_service.last_end
        if end is not None:
            yield "the shadow service", end, "no command reaches a car"
        null_box = self._fleet.boxes.get(NULL_CAR.vehicle_id)
        end = self._fleet.beside.last_end
        if null_box is not None and end is not None and not null_box.modem.connection.is_reachable:
            name = f"the null box {NULL_CAR.vehicle_id}"
            which = which_broker(self._brokers, NULL_CAR.vehicle_id)
            yield name, end, f"it answers no unlocks of the floor{which and f' on {which}'}"

    def _has_no_answer(self) -> Iterator[bool]:
        centre = self._fleet.sms_centre
        yield not centre.is_connected and centre.last_end is None
        null_box = self._fleet.boxes.get(NULL_CAR.vehicle_id)
        if null_box is not None:
            yield not null_box.modem.connection.is_known and self._fleet.beside.last_end is None
