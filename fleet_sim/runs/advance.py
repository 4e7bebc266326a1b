"""Notice that simulated time no longer advances, in virtual and in live time alike.

A process that waits for no time again and again keeps every other event from its turn: the run
would hang. So both drivers ask here, once in thousands of events.
"""

from __future__ import annotations

from itertools import count
from typing import Any

from fleet_sim.cars.world import Due
from fleet_wire.errors import UnlockpathError

LOOK_EVERY = 10_000
"""Events between two looks while time advances."""
SHORTEST_ADVANCE_S = 0.001
DEEPEST = 10_000
"""Longest chain of events, each caused by the one before, within `SHORTEST_ADVANCE_S`. A message
to the broker and back makes about ten [E]."""


class StalledTimeError(UnlockpathError):
    """Simulated time no longer advances, so that the run would never end."""

    def __init__(self, now_s: float, name: str) -> None:
        super().__init__(
            f"simulated time stands still at second {now_s:.3f}: {name} waits for no time again and"
            " again; set its delays in the scenario to more than 0 s, or report a defect"
        )


class AdvanceWatch:
    """Watch over one environment. A driver calls `look` with each event from `look_at` on.

    SimPy numbers events in the order in which they are scheduled. Events of one instant fall due in
    that order. So the first event with a number from `look_at` on was caused by one since the last
    look. A fleet of any size makes many events at one instant, but only short chains of them.
    """

    __slots__ = ("_depth", "_numbers", "_since_s", "look_at")

    def __init__(self, numbers: count[int]) -> None:
        self._numbers = numbers
        self._since_s = 0.0
        self._depth = 0
        self.look_at = LOOK_EVERY
        """Number of the event that has to be looked at next."""

    def check_event(self, now_s: float, event: Any) -> None:
        """Count a link of the chain at this instant. Raises `StalledTimeError` at `DEEPEST`."""
        self.look_at = next(self._numbers)
        if now_s - self._since_s >= SHORTEST_ADVANCE_S:
            self._since_s = now_s
            self._depth = 0
            self.look_at += LOOK_EVERY
        elif self._depth < DEEPEST:
            self._depth += 1
        else:
            raise StalledTimeError(now_s, _name_of(event))


def _name_of(event: Any) -> str:
    """Return who waits for an event: function or process, its place, and its car."""
    waiting = event.then if isinstance(event, Due) else next(iter(event.callbacks or ()), None)
    owner = getattr(waiting, "__self__", None)
    generator = getattr(owner, "_generator", None)  # a frame of a SimPy process
    if generator is None:
        name = getattr(waiting, "__qualname__", repr(waiting))
        return f"{getattr(waiting, '__module__', '?')}.{name}{_car_of([owner])}"
    frame = generator.gi_frame
    if frame is None:
        return str(generator.__qualname__)
    place = f"{frame.f_globals.get('__name__')}:{frame.f_lineno}"
    return f"process {generator.__qualname__} ({place}){_car_of(frame.f_locals.values())}"


def _car_of(objects: Any) -> str:
    """Return the car of the first object that has one, as the end of a name."""
    ids = (getattr(each, "vehicle_id", None) for each in objects)
    found = next((each for each in ids if isinstance(each, str)), None)
    return "" if found is None else f" of {found}"
