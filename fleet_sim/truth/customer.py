"""The script of a customer: press, wait, look, press again, lock, and return later."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from fleet_sim.cars.box import Box
from fleet_sim.truth.client import Ask, Client
from fleet_sim.truth.grading import ANSWERS, DENIALS, Press, Screen
from fleet_wire.randomness import RandomStream

TRIES_DOOR = 0.5
"""Share of those who pull the handle although the app has not said that the car is open
(`CustomerParameters.tries_door`) [E]."""
_AFTER_LOCK = frozenset({Screen.LOCKED, Screen.UNKNOWN}) | DENIALS


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """How long each step lasts, seconds. [E] for all but the first."""

    patience_s: float = 10.0
    """With the screen, before the button is pressed again (Nielsen, Response Times, 1993)."""
    reads_s: float = 2.0
    """Between what the screen shows and a hand on the handle, or on the button again."""
    stays_s: float = 3.0
    """Between an open door and "lock"."""
    lock_patience_s: float = 5.0
    away_s: float = 12.0
    """Between leaving and returning."""
    returns_s: float = 2.0
    """For the client to show the state of the car to a customer who has returned."""
    presses: int = 2
    visits_s: tuple[float, ...] = (4.0, 46.0)
    """When visits begin in a round: the second one's return is after the faults have ended."""
    spread_s: float = 1.0
    """Not all customers come in the same moment."""


class Customer:
    """One customer, who uses one car by one client; `presses` gets each press of "unlock".

    The car is touched within `present`. `book` books it anew, and returns the booking and the
    customer's token.
    """

    def __init__(
        self,
        car: Box,
        client: Client,
        book: Callable[[str], Awaitable[tuple[str | None, str | None]]],
        script: Script,
        *,
        present: Callable[[], AbstractContextManager[None]],
        stream: RandomStream,
        is_certain: bool,
    ) -> None:
        self._car = car
        self._client = client
        self._book = book
        self._present = present
        self._script = script
        self._stream = stream
        self._is_certain = is_certain
        self._number = 0
        self._rights: tuple[str | None, str | None] = (None, None)
        self.presses: list[Press] = []

    async def live(self, begins_s: float, rounds_s: tuple[float, ...]) -> None:
        """Make all visits; `begins_s` is the monotonic second from which rounds count."""
        self._rights = await self._book(self._car.vehicle_id)
        for number, round_s in enumerate(rounds_s):
            for visit, at_s in enumerate(self._script.visits_s):
                spread_s = self._stream.uniform() * self._script.spread_s
                await _sleep_until(begins_s + round_s + at_s + spread_s)
                if number or visit:
                    self._rights = await self._book(self._car.vehicle_id)
                await self._visit()

    async def _visit(self) -> None:
        presses: list[tuple[str, float]] = []
        is_in = False
        while not is_in and len(presses) < self._script.presses:
            pressed_s = time.monotonic()
            presses.append((self._send("unlock"), pressed_s))
            is_in = await self._wait_at_door(pressed_s)
        left_s = await self._lock_and_leave() if is_in else time.monotonic()
        await asyncio.sleep(self._script.away_s)
        self._send("look")
        await asyncio.sleep(self._script.returns_s)
        self._note(presses, left_s=left_s, returned_s=time.monotonic())
        with self._present():
            self._car.shut_door()
            if not self._car.vehicle.is_locked:
                self._car.lock_on_the_spot()
        await asyncio.sleep(self._script.returns_s)

    async def _wait_at_door(self, pressed_s: float) -> bool:
        """Wait as a person does, look, and try the door; return whether it opens."""
        shown = await self._client.wait_for(
            self._car.vehicle_id,
            ANSWERS,
            since_s=pressed_s,
            until_s=pressed_s + self._script.patience_s,
        )
        await asyncio.sleep(self._script.reads_s)
        is_told = shown in (Screen.OPEN, Screen.UNKNOWN)
        tries = self._stream.uniform() < TRIES_DOOR or is_told
        with self._present():
            return tries and self._car.pull_handle()

    async def _lock_and_leave(self) -> float:
        """Use the car and lock it; return when "lock" was pressed."""
        await asyncio.sleep(self._script.stays_s)
        with self._present():
            self._car.shut_door()
        pressed_s = time.monotonic()
        self._send("lock")
        await self._client.wait_for(
            self._car.vehicle_id,
            _AFTER_LOCK,
            since_s=pressed_s,
            until_s=pressed_s + self._script.lock_patience_s,
        )
        return pressed_s

    def _send(self, do: str) -> str:
        self._number += 1
        booking_id, token = self._rights
        vehicle_id = self._car.vehicle_id
        request = f"{vehicle_id}/{self._number}"
        self._client.send(
            Ask(do=do, request=request, vehicle_id=vehicle_id, booking_id=booking_id, token=token)  # type: ignore[arg-type] # one of its words
        )
        return request

    def _note(self, presses: list[tuple[str, float]], *, left_s: float, returned_s: float) -> None:
        """Note the presses of a visit, with what came after each."""
        ends_s = [pressed_s for _, pressed_s in presses[1:]] + [left_s]
        for (request, pressed_s), ended_s in zip(presses, ends_s, strict=True):
            is_last = ended_s == left_s
            self.presses.append(
                Press(
                    request=request,
                    pressed_s=pressed_s,
                    looked_s=pressed_s + self._script.patience_s,
                    ended_s=ended_s,
                    left_s=left_s,
                    returned_s=returned_s if is_last else None,
                    is_certain=self._is_certain,
                )
            )


async def _sleep_until(at_s: float) -> None:
    await asyncio.sleep(max(at_s - time.monotonic(), 0.0))
