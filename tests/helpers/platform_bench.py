"""A platform with a few cars on a broker model, stepped in virtual time by a test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from fleet_sim.cars.box import Box
from fleet_sim.cars.movements import OnMovement
from fleet_sim.cars.parameters import NULL_BOX, BoxParameters
from fleet_sim.cars.spec import CarSpec, Traits
from fleet_sim.platform.bookings import Booking
from fleet_sim.platform.commands import PlatformCommand
from fleet_sim.platform.connection import PLATFORM_LINK_LIMITS
from fleet_sim.platform.gateway import EmulatedPlatform
from fleet_sim.platform.operations import Answer, Operation, Request
from fleet_sim.platform.parameters import NULL_PLATFORM, PlatformParameters
from fleet_sim.runs.virtual.time import EPOCH_UNIX_S
from fleet_wire.contract import codec
from fleet_wire.contract.messages import Action, Command
from fleet_wire.contract.platform_log import PlatformEvent
from fleet_wire.contract.topics import TopicKind
from fleet_wire.contract.trace_context import TraceContext
from fleet_wire.profiles.native import NATIVE
from fleet_wire.profiles.profile import Profile
from tests.helpers.virtual_fleet import VirtualFleet

SECRET = "test-secret"  # noqa: S105 - of simulated cars
CAR = "car-0"


def sent_command(
    command_id: str = "c1", *, issued_at: float = 0.0, ttl_s: float = 30.0
) -> PlatformCommand:
    """Return an unlock that the platform has sent for anna, who has booked the car for a while."""
    ends_at = issued_at + 1_000.0
    booking = Booking(
        booking_id="b1", account_id="anna", vehicle_id=CAR, starts_at=issued_at, ends_at=ends_at
    )
    return PlatformCommand(
        command_id, Action.UNLOCK, booking, request_id="r1",
        parent=TraceContext("t" * 32, "s" * 16), issued_at=issued_at, ttl_s=ttl_s,
    )  # fmt: skip


class PlatformBench(VirtualFleet):
    """Cars `car-0`, `car-1`, ..., and a platform that knows them. All are connected at first."""

    def __init__(
        self,
        *,
        parameters: PlatformParameters = NULL_PLATFORM,
        box: BoxParameters = NULL_BOX,
        cars: int = 2,
        profile: Profile = NATIVE,
        write: Callable[[PlatformEvent], None] | None = None,
        on_movement: OnMovement | None = None,
    ) -> None:
        super().__init__(
            [CarSpec(f"car-{number}", Traits(group="all"), box) for number in range(cars)],
            profile=profile,
            fleet_secret=SECRET,
            on_movement=on_movement,
        )
        self.log: list[PlatformEvent] = []
        self.platform = EmulatedPlatform(
            replace(self.world, link_factory=self.links(PLATFORM_LINK_LIMITS)),
            parameters,
            vehicle_ids=self.fleet.boxes,
            write=write or self.log.append,
        )
        self.commands = self.client("cars/+/command")
        """Hears every command."""
        self.fleet.start()
        self.platform.start()
        self.let_pass(1.0)

    @property
    def now(self) -> float:
        """The present in Unix seconds."""
        return EPOCH_UNIX_S + self.env.now_s()

    def box(self, number: int = 0) -> Box:
        """Return a car's box."""
        return self.fleet.boxes[f"car-{number}"]

    def ask(self, operation: Operation, *, customer: str = "anna", **what: Any) -> list[Answer]:
        """Ask as a customer; the answer is put into the list that is returned, when it comes."""
        answers: list[Answer] = []
        what.setdefault("token", self.platform.token_of(customer))
        self.platform.ask(Request(operation=operation, **what), answers.append)
        return answers

    def answer(self, operation: Operation, *, within_s: float = 60.0, **what: Any) -> Answer:
        """Ask as a customer, and return the answer."""
        answers = self.ask(operation, **what)
        end_s = self.env.now + within_s
        while not answers and self.env.now < end_s:
            self.let_pass(0.05)
        (answer,) = answers
        return answer

    def book(self, *, customer: str = "anna", vehicle_id: str = CAR, for_s: float = 3600) -> str:
        """Book a car from now on, and return the booking's id."""
        answer = self.answer(
            Operation.BOOK, customer=customer, vehicle_id=vehicle_id, ends_at=self.now + for_s
        )
        assert answer.status == 201, answer
        return str(answer.body["booking_id"])

    def unlock(self, booking_id: str, *, wait_s: float = 60.0, **what: Any) -> Answer:
        """Unlock the car of a booking, and wait for the result."""
        return self.answer(Operation.UNLOCK, booking_id=booking_id, wait_s=wait_s, **what)

    @property
    def published(self) -> Sequence[Command]:
        """Every command that went over the broker, in order."""
        decoded = (codec.decode(TopicKind.COMMAND, each) for each in self.commands.payloads)
        return [command for command in decoded if isinstance(command, Command)]
