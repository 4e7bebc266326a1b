"""All customers of a run: when each comes, which car each takes, and what they have lived through.

Each has a random stream of its own, named by its number: another customer changes nobody's draws.
Which cars are free depends on the others, as it does in a city.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, NamedTuple

import simpy

from fleet_sim.cars.box import Box
from fleet_sim.cars.world import World
from fleet_sim.customers.customer import MARGIN_S, BookedCar, Customer
from fleet_sim.customers.failpoints import CustomerFailpoints
from fleet_sim.customers.parameters import CustomerParameters
from fleet_sim.customers.phone import Phone
from fleet_sim.customers.records import Witnesses
from fleet_sim.platform.coordinates import coordinates_of
from fleet_sim.platform.operations import Platform
from fleet_sim.platform.tokens import token_of
from fleet_wire.randomness import RandomStream

TRIES = 20
"""Cars looked at by chance, before one goes through all of them."""
BEFORE = "before-"
"""How the names of customers begin who came before the run."""
LONG_BEFORE_S = 24_000.0
"""Rentals began so long ago that one that is under way is at any moment of it [E]."""
SEEN_FREE_S = 1.0
"""So old may be what an app shows of which cars are free [E]."""


class _Car:
    """A car with its box, as `customer.Car` wants it."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self.pull_handle = box.pull_handle
        self.unlock_by_key = box.unlock_by_key

    def drive_off(self) -> None:
        """Get in and start the engine: the car takes no command until it stands again."""
        self._box.vehicle.change(is_ignition_on=True)

    def get_out(self) -> None:
        """Stop the engine, get out and shut the door."""
        self._box.vehicle.change(is_ignition_on=False)
        self._box.shut_door()


class Population:
    """The customers of one run. Implements `customer.Surroundings`.

    `times_s` are their arrivals in seconds of load; `boxes` are those of the cars that they may
    take, in a fixed order.
    """

    def __init__(
        self,
        world: World,
        parameters: CustomerParameters,
        *,
        times_s: Sequence[float],
        boxes: Mapping[str, Box],
        platform: Platform,
        witnesses: Witnesses,
        failpoints: CustomerFailpoints | None = None,
    ) -> None:
        self._world = world
        self._parameters = parameters
        self._times_s = times_s
        self._boxes = boxes
        self._vehicle_ids = [*boxes]
        self._platform = platform
        self._witnesses = witnesses
        self.failpoints = failpoints or CustomerFailpoints()
        self._in_use: Counter[str] = Counter()
        """Number of customers that use each car, if above zero."""
        self._taken_last: tuple[str, float] | None = None
        """The car that was taken last, and when; kept where customers may choose the same."""
        self._served = 0
        self._walked = 0
        """Customers who came before and walk to their cars when the run begins."""
        self.come = 0
        """Customers who have come so far."""

    @property
    def is_served(self) -> bool:
        """Whether all customers have opened a car, or will not."""
        return self._served == len(self._times_s) + self._walked

    def start(self, load_starts_s: float) -> None:
        """Start the customers; their times count from simulated second `load_starts_s`."""
        self._world.env.process(self._arrivals(load_starts_s))

    def _arrivals(self, load_starts_s: float) -> Generator[simpy.Event, Any, None]:
        env = self._world.env
        for number, at_s in enumerate(self._times_s):
            wait_s = load_starts_s + at_s - env.now
            if wait_s > 0:
                yield env.timeout(wait_s)
            self.come = number + 1
            env.process(self._customer(f"customer-{number:05d}", load_starts_s).live())

    def _customer(self, customer_id: str, load_starts_s: float) -> Customer:
        world = self._world
        phone = Phone(
            world,
            self._parameters.phone,
            self._platform,
            token=token_of(world.fleet_secret, customer_id),
            stream=world.stream(f"{customer_id}/phone"),
        )
        return Customer(
            customer_id,
            world,
            self._parameters,
            phone=phone,
            around=self,
            stream=world.stream(customer_id),
            witnesses=self._witnesses,
            load_starts_s=load_starts_s,
        )

    def offer(self, vehicle_ids: Sequence[str]) -> None:
        """Offer only these cars from now on; who has booked another one keeps it."""
        self._vehicle_ids = [*vehicle_ids]

    def has(self, vehicle_id: str) -> bool:
        """Return whether these customers may take a car."""
        return vehicle_id in self._boxes

    def rent_out(
        self, vehicle_id: str, book: Callable[[str, str, float], str], load_starts_s: float
    ) -> None:
        """Have a car rented from now on, by a customer who came before.

        This customer is on the way to it, or drives it and will bring it back.
        `book` books it for an account from now on, for so many seconds, and returns the booking.
        """
        customer_id, parameters = f"{BEFORE}{vehicle_id}", self._parameters
        stream = self._world.stream(f"{customer_id}/rental")
        now = _rental_under_way(parameters, stream)
        booked_s = parameters.booking.sample_s(stream) - now.spent_s
        booked_s = max(booked_s, now.left_s + MARGIN_S)
        booked = BookedCar(vehicle_id, book(customer_id, vehicle_id, booked_s), booked_s)
        customer = self._customer(customer_id, load_starts_s)
        self._in_use[vehicle_id] += 1
        if now.is_walk:
            self._walked += 1
            self._world.env.process(customer.walk_on(booked, left_s=now.left_s))
        else:
            self._boxes[vehicle_id].vehicle.is_locked = False
            self.car(vehicle_id).drive_off()
            self._world.env.process(customer.drive_on(booked, left_s=now.left_s))

    # Shared by customers

    def take_car(self, stream: RandomStream) -> str | None:
        """Return a car that no other customer of this run has; None where there is none.

        Some choose one that has just been taken, see `CustomerParameters.same_car`.
        """
        chosen = self._same_car(stream) or self._free_car(stream)
        if chosen is not None:
            self._in_use[chosen] += 1
        return chosen

    def _same_car(self, stream: RandomStream) -> str | None:
        share = self._parameters.same_car
        if not share:
            return None
        is_late = stream.uniform() < share
        taken, now_s = self._taken_last, self._world.env.now
        self._taken_last = None
        if is_late and taken is not None and now_s - taken[1] <= SEEN_FREE_S:
            return taken[0]
        return None

    def _free_car(self, stream: RandomStream) -> str | None:
        vehicle_ids, in_use = self._vehicle_ids, self._in_use
        if not vehicle_ids:
            return None
        tried = (vehicle_ids[stream.index(len(vehicle_ids))] for _ in range(TRIES))
        free = next((each for each in tried if each not in in_use), None)
        free = free or next((each for each in vehicle_ids if each not in in_use), None)
        if free is not None and self._parameters.same_car:
            self._taken_last = free, self._world.env.now
        return free

    def leave_car(self, vehicle_id: str) -> None:
        """Release the car for other customers."""
        self._in_use[vehicle_id] -= 1
        if self._in_use[vehicle_id] <= 0:
            del self._in_use[vehicle_id]

    def car(self, vehicle_id: str) -> _Car:
        """Return a car."""
        return _Car(self._boxes[vehicle_id])

    def coordinates_of(self, vehicle_id: str) -> tuple[float, float]:
        """Return where a car stands: a place of its own in the city that its region is."""
        box = self._boxes.get(vehicle_id)
        return coordinates_of(vehicle_id, "" if box is None else box.spec.traits.region)

    def served(self) -> None:
        """Count a customer who has opened a car, or will not."""
        self._served += 1


class _RentalUnderWay(NamedTuple):
    """A rental at a moment of chance."""

    is_walk: bool
    """Whether its customer walks to the car, else it is driven."""
    spent_s: float
    """Seconds since it was booked."""
    left_s: float
    """Seconds until the customer is at the car, or has driven it back."""


def _rental_under_way(parameters: CustomerParameters, stream: RandomStream) -> _RentalUnderWay:
    left_s = -stream.uniform() * LONG_BEFORE_S
    while True:
        walk_s = max(parameters.walk.sample_s(stream), 1.0)
        left_s += walk_s
        if left_s > 0.0:
            return _RentalUnderWay(is_walk=True, spent_s=walk_s - left_s, left_s=left_s)
        drive_s = max(parameters.drive.sample_s(stream), 1.0)
        left_s += drive_s
        if left_s > 0.0:
            spent_s = walk_s + drive_s - left_s
            return _RentalUnderWay(is_walk=False, spent_s=spent_s, left_s=left_s)
