"""One thing at a time for each car: commands, and the ends of bookings between them."""

from __future__ import annotations

from collections.abc import Callable

Turn = Callable[[], None]
"""Starts work for a car; its owner reports by `Lanes.done` that it has ended."""


class _Lane:
    """What is under way and waits for one car."""

    __slots__ = ("is_beginning", "is_busy", "waiting")

    def __init__(self) -> None:
        self.waiting: list[Turn] = []  # short: a deque takes a hundred times its room at once
        self.is_busy = False
        self.is_beginning = False


class Lanes:
    """A lane for each car that has something under way; other cars cost nothing."""

    __slots__ = ("_lanes",)

    def __init__(self) -> None:
        self._lanes: dict[str, _Lane] = {}

    def take_turn(self, vehicle_id: str, turn: Turn) -> None:
        """Begin now, or when all that came before for this car is done."""
        lane = self._lanes.get(vehicle_id)
        if lane is None:
            lane = self._lanes[vehicle_id] = _Lane()
        lane.waiting.append(turn)
        self._go_on(vehicle_id, lane)

    def done(self, vehicle_id: str) -> None:
        """Free the car's lane for the next command."""
        lane = self._lanes[vehicle_id]
        lane.is_busy = False
        self._go_on(vehicle_id, lane)

    def _go_on(self, vehicle_id: str, lane: _Lane) -> None:
        if lane.is_beginning:  # the started command ended at once: the loop below goes on
            return
        lane.is_beginning = True
        try:
            while lane.waiting and not lane.is_busy:
                lane.is_busy = True
                lane.waiting.pop(0)()
        except BaseException:
            lane.is_busy = False
            raise
        finally:
            lane.is_beginning = False
            if not lane.is_busy and not lane.waiting:
                del self._lanes[vehicle_id]
