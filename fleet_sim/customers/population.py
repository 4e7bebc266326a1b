"""All customers of a run: when each comes, which car each takes, and what they have lived through.

Each has a random stream of its own, named by its number: another customer changes nobody's draws.
Which cars are free depends on the others, as it does in a city.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, NamedTuple

import simpy

from fleet_sim.cars.box import Box
from fleet_sim.cars.world import World
from fleet_sim.customers.cars import RentedCars
from fleet_sim.customers.customer import MARGIN_S, BookedCar, Customer
from fleet_sim.customers.failpoints import CustomerFailpoints
from fleet_sim.customers.parameters import CustomerParameters
from fleet_sim.customers.phone import Phone
from fleet_sim.customers.records import Witnesses
from fleet_sim.platform.operations import Platform
from fleet_sim.platform.tokens import token_of
from fleet_wire.randomness import RandomStream

BEFORE = "before-"
"""How the names of customers begin who came before the run."""
LONG_BEFORE_S = 24_000.0
"""Rentals began so long ago that one that is under way is at any moment of it [E]."""


class Population:
    """The customers of one run.

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
        self.cars = RentedCars(world, boxes, same_car=parameters.same_car)
        self._platform = platform
        self._witnesses = witnesses
        self.failpoints = failpoints or CustomerFailpoints()
        self._walked = 0
        """Customers who came before and walk to their cars when the run begins."""
        self.come = 0
        """Customers who have come so far."""

    @property
    def is_served(self) -> bool:
        """Whether all customers have opened a car, or will not."""
        return self.cars.served == len(self._times_s) + self._walked

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
            cars=self.cars,
            failpoints=self.failpoints,
            witnesses=self._witnesses,
            load_starts_s=load_starts_s,
        )

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
        self.cars.in_use[vehicle_id] += 1
        if now.is_walk:
            self._walked += 1
            self._world.env.process(customer.walk_on(booked, left_s=now.left_s))
        else:
            box = self.cars.boxes[vehicle_id]
            box.vehicle.is_locked = False
            box.drive_off()
            self._world.env.process(customer.drive_on(booked, left_s=now.left_s))


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
