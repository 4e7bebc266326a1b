"""The cars that the customers of a run share: who has one, and which are free."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from fleet_sim.cars.box import Box
from fleet_sim.cars.world import World
from fleet_sim.platform.coordinates import coordinates_of
from fleet_wire.randomness import RandomStream

TRIES = 20
"""Cars looked at by chance, before one goes through all of them."""
SEEN_FREE_S = 1.0
"""So old may be what an app shows of which cars are free [E]."""


class RentedCars:
    """The cars that customers may take, in a fixed order.

    `same_car` is the share of customers who choose one that has just been taken.
    """

    def __init__(self, world: World, boxes: Mapping[str, Box], *, same_car: float) -> None:
        self._world = world
        self.boxes = boxes
        self._offered = [*boxes]
        self._same_car_share = same_car
        self.in_use: Counter[str] = Counter()
        """Number of customers that use each car, if above zero."""
        self._taken_last: tuple[str, float] | None = None
        """The car that was taken last, and when; kept where customers may choose the same."""
        self.served = 0
        """Customers who have opened a car, or will not."""

    def offer(self, vehicle_ids: Sequence[str]) -> None:
        """Offer only these cars from now on; who has booked another one keeps it."""
        self._offered = [*vehicle_ids]

    def take_car(self, stream: RandomStream) -> str | None:
        """Return a car that no other customer of this run has; None where there is none.

        Some choose one that has just been taken.
        """
        chosen = self._same_car(stream) or self._free_car(stream)
        if chosen is not None:
            self.in_use[chosen] += 1
        return chosen

    def _same_car(self, stream: RandomStream) -> str | None:
        share = self._same_car_share
        if not share:
            return None
        is_late = stream.uniform() < share
        taken, now_s = self._taken_last, self._world.env.now
        self._taken_last = None
        if is_late and taken is not None and now_s - taken[1] <= SEEN_FREE_S:
            return taken[0]
        return None

    def _free_car(self, stream: RandomStream) -> str | None:
        vehicle_ids, in_use = self._offered, self.in_use
        if not vehicle_ids:
            return None
        tried = (vehicle_ids[stream.index(len(vehicle_ids))] for _ in range(TRIES))
        free = next((each for each in tried if each not in in_use), None)
        free = free or next((each for each in vehicle_ids if each not in in_use), None)
        if free is not None and self._same_car_share:
            self._taken_last = free, self._world.env.now
        return free

    def leave_car(self, vehicle_id: str) -> None:
        """Release the car for other customers."""
        self.in_use[vehicle_id] -= 1
        if self.in_use[vehicle_id] <= 0:
            del self.in_use[vehicle_id]

    def coordinates_of(self, vehicle_id: str) -> tuple[float, float]:
        """Return where a car stands: a place of its own in the city that its region is."""
        box = self.boxes.get(vehicle_id)
        return coordinates_of(vehicle_id, "" if box is None else box.spec.traits.region)

    def count_served(self) -> None:
        """Count a customer who has opened a car, or will not."""
        self.served += 1
