"""Faults of security: an intruder opens a car, or an attack keeps a customer from it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import ClassVar

import msgspec
from pydantic import Field

from fleet_sim.cars.box import Box
from fleet_sim.cars.distributions import Delay, Uniform
from fleet_sim.cars.failpoints import OBJECTION, RESULT
from fleet_sim.faults.drawing import Drawing
from fleet_sim.faults.outsiders import outsider
from fleet_sim.faults.registry import (
    CarFault,
    Fault,
    FaultProcess,
    Injection,
    Need,
    Strikes,
    register,
)
from fleet_sim.platform.coordinates import coordinates_of
from fleet_sim.platform.failpoints import ANSWER
from fleet_sim.platform.operations import Answer, Operation, Request
from fleet_wire.contract.messages import Command, Reason, Result
from fleet_wire.contract.topics import TopicKind
from fleet_wire.errors import RemoteProtocolError
from fleet_wire.links.link import Message, PublishProperties
from fleet_wire.profiles.profile import contents_of
from fleet_wire.randomness import RandomStream

SECONDS_AN_HOUR = 3600.0
HANDLED_S = 3.0
"""Longest time that a box works on a command that was sent again [E]."""
CLOCKS_S = 0.5
"""Records of the monitor and the fault's own times agree within this."""
WAIT_S = 20.0
"""Longest time that a thief waits for the car [E]."""
SHORTEST_PAUSE_S = 1.0
"""Between two cars, at least: nobody is faster, and without a pause time would stand still."""
BOOKED_S = 3600.0
"""Seconds of a thief's booking [E]."""
APP_OF_ATTACKERS = "curl/8"
_PIN = (Reason.WRONG_PIN, Reason.PIN_LOCKED)


@register
class CommandPinLockout(CarFault):
    """The PIN of remote access is wrong, and after some tries the car locks it."""

    name: ClassVar[str] = "command_pin_lockout"

    tries: int = Field(3, ge=1, le=100, description="how often the PIN may be wrong [E]")

    def strike(self, box: Box, injection: Injection, stream: RandomStream) -> FaultProcess:  # noqa: ARG002 - nothing is drawn
        """Find the PIN wrong until none is tried any more; the end of the window sets it back."""
        left = self.tries

        def find_wrong(reason: Reason | None, _command: Command) -> Reason:
            nonlocal left
            if reason is not None:
                return reason
            left -= 1
            return Reason.WRONG_PIN if left >= 0 else Reason.PIN_LOCKED

        def say_how_often(result: Result | None, _command: Command) -> Result | None:
            if result is None or result.reason not in _PIN:
                return result
            return msgspec.structs.replace(result, tries_left=max(left, 0))

        with ExitStack() as stack:
            stack.enter_context(box.set_action(OBJECTION, find_wrong, by=injection))
            stack.enter_context(box.set_action(RESULT, say_how_often, by=injection))
            yield injection.whole_window()


class Abuse(Fault):
    """An attacker who sends requests to the platform."""

    strikes: ClassVar[Strikes] = Strikes.PLATFORM
    needs: ClassVar[frozenset[Need]] = frozenset({Need.PLATFORM})

    def ask(
        self,
        injection: Injection,
        request: Request,
        on_answer: Callable[[Answer], None] = lambda _answer: None,
    ) -> None:
        """Send a request about one of the fault's cars; what comes of it counts as hit."""
        assert injection.platform is not None  # noqa: S101 - the scenario was checked for its need
        began_s = injection.env.now

        def record_and_answer(answer: Answer) -> None:
            during_s = (began_s - CLOCKS_S, injection.env.now + CLOCKS_S)
            injection.hit(request.vehicle_id or "", "request", during_s=during_s)
            on_answer(answer)

        injection.platform.ask(request, record_and_answer)

    def token_of(self, injection: Injection, account_id: str) -> str:
        """Return the token of an account: it was stolen, or is the attacker's own."""
        assert injection.platform is not None  # noqa: S101 - the scenario was checked for its need
        return injection.platform.token_of(account_id)


@register
class AttackBruteforceVehicleIds(Abuse):
    """One account asks for one car after the other, booked or not."""

    name: ClassVar[str] = "attack_bruteforce_vehicle_ids"
    drawing: ClassVar[Drawing] = Drawing(
        ranges={"cars_per_h": (400, 3000)}, strikes_alike=("all",), customers={}
    )

    cars_per_h: float = Field(
        1000.0, ge=1, le=100_000, description="cars tried an hour, 10 to 1000 [E]"
    )
    account: str = Field("attacker", min_length=1, max_length=64, description="whose token it is")

    def process(self, injection: Injection) -> FaultProcess:
        """Ask for a car of the target, and the next one, until the window closes."""
        stream, cars = injection.stream_of(self.account), sorted(injection.vehicle_ids)
        token = self.token_of(injection, self.account)
        every_s = SECONDS_AN_HOUR / self.cars_per_h
        ends_s = injection.env.now + injection.duration_s
        while injection.env.now < ends_s:
            request = Request(
                operation=Operation.UNLOCK,
                token=token,
                vehicle_id=cars[stream.index(len(cars))],
                app_version=APP_OF_ATTACKERS,
            )
            self.ask(injection, request)
            yield injection.wait(min(every_s, max(ends_s - injection.env.now, 0.0)))


@register
class ImpossibleTravel(Abuse):
    """An account opens a car here, and minutes later one in another city.

    Its target are the cars that the thief opens, and customers of all others are robbed: a target
    of all cars leaves nobody to rob.
    """

    name: ClassVar[str] = "impossible_travel"
    drawing: ClassVar[Drawing] = Drawing(
        ranges={"gap": {"base_s": (20, 40), "spread_s": (20, 60)}, "share": (0.2, 0.4)},
        strikes_alike=("region",),
        customers={"phone": {"sends_position": True}},
    )

    gap: Delay = Field(
        Uniform(base_s=60.0, spread_s=240.0),
        description="so long after a customer has opened a car the thief opens another [E]",
    )
    share: float = Field(0.1, gt=0, le=1, description="share of customers whose tokens are out [E]")

    def process(self, injection: Injection) -> FaultProcess:
        """Wait for customers of other cars to open theirs, then take one of the target's."""
        assert injection.platform is not None  # noqa: S101 - the scenario was checked for its need
        robbed: set[str] = set()
        ends_s = injection.env.now + injection.duration_s

        def look_on(answer: Answer, request: Request) -> Answer:
            account_id = (request.token or "").rpartition(".")[0]
            is_opening = request.operation is Operation.UNLOCK and answer.is_ok
            if (
                is_opening
                and account_id not in robbed
                and request.vehicle_id not in injection.vehicle_ids
                and injection.stream_of(account_id).constant() < self.share
            ):
                robbed.add(account_id)
                gap_s = self.gap.sample_s(injection.stream_of(account_id))
                if injection.env.now + gap_s < ends_s:
                    injection.world.later(gap_s, self._rob, injection, request.token, account_id)
            return answer

        with injection.platform.set_action(ANSWER, look_on, by=injection):
            yield injection.whole_window()

    def _rob(self, injection: Injection, token: str, account_id: str) -> None:
        """Book and open a car as somebody else."""
        platform = injection.platform
        assert platform is not None  # noqa: S101 - the scenario was checked for its need
        stream = injection.stream_of(f"{account_id}/thief")
        car = injection.cars[stream.index(len(injection.cars))]
        vehicle_id = car.vehicle_id

        def open_it(answer: Answer) -> None:
            if not answer.is_ok:
                return
            position = coordinates_of(vehicle_id, car.traits.region)
            self.ask(
                injection,
                Request(
                    operation=Operation.UNLOCK,
                    token=token,
                    vehicle_id=vehicle_id,
                    booking_id=str(answer.body.get("booking_id")),
                    wait_s=WAIT_S,
                    app_version=APP_OF_ATTACKERS,
                    position=position,
                    distance_m=1.0,
                ),
            )

        book = Request(
            operation=Operation.BOOK,
            token=token,
            vehicle_id=vehicle_id,
            ends_at=platform.unix_s() + BOOKED_S,
            app_version=APP_OF_ATTACKERS,
        )
        self.ask(injection, book, open_it)


@register
class InsiderOrSupportUnlock(Abuse):
    """Support opens cars for people without a right to them."""

    name: ClassVar[str] = "insider_or_support_unlock"
    drawing: ClassVar[Drawing] = Drawing(
        ranges={"every": {"base_s": (15, 30), "spread_s": (10, 30)}},
        strikes_alike=("all",),
        customers={},
    )

    every: Delay = Field(
        Uniform(base_s=5.0, spread_s=10.0), description="from one car to the next [E]"
    )
    operator: str = Field(
        "support",
        min_length=1,
        max_length=64,
        description="the account; one of `platform.operators`, else it is refused",
    )

    def process(self, injection: Injection) -> FaultProcess:
        """Open a car of the target now and then."""
        stream, cars = injection.stream_of(self.operator), sorted(injection.vehicle_ids)
        token = self.token_of(injection, self.operator)
        ends_s = injection.env.now + injection.duration_s
        while (left_s := ends_s - injection.env.now) > 0:
            request = Request(
                operation=Operation.UNLOCK,
                token=token,
                vehicle_id=cars[stream.index(len(cars))],
                wait_s=WAIT_S,
                app_version="support-desk",
            )
            self.ask(injection, request)
            pause_s = max(self.every.sample_s(stream), SHORTEST_PAUSE_S)
            yield injection.wait(min(pause_s, left_s))


@register
class AttackReplay(Fault):
    """An attacker at the broker replays recorded commands."""

    name: ClassVar[str] = "attack_replay"
    drawing: ClassVar[Drawing] = Drawing(
        ranges={"after": {"base_s": (20, 30), "spread_s": (5, 10)}, "share": (0.7, 1.0)},
        strikes_alike=("some",),
        customers={},
    )
    strikes: ClassVar[Strikes] = Strikes.BROKER

    after: Delay = Field(
        Uniform(base_s=5.0, spread_s=25.0),
        description="so long after it was heard a command is sent again, up to 30 s and more [E]",
    )
    share: float = Field(1.0, gt=0, le=1, description="share of commands that are sent again")

    def process(self, injection: Injection) -> FaultProcess:
        """Listen, and send again, until the window closes."""
        profile, stream = injection.world.profile, injection.stream_of("spy")
        known: set[bytes] = set()

        def hear(message: Message) -> None:
            try:
                vehicle_id, command = next(contents_of(profile, message))
            except RemoteProtocolError:
                return
            if vehicle_id not in injection.vehicle_ids or message.payload in known:
                return
            if isinstance(command, Command) and stream.uniform() < self.share:
                known.add(message.payload)
                injection.world.later(
                    self.after.sample_s(stream), send, message, vehicle_id, command.command_id
                )

        def send(message: Message, vehicle_id: str, command_id: str) -> None:
            properties = PublishProperties(correlation_data=message.correlation_data)
            spy.link.publish(message.topic, message.payload, properties=properties)
            injection.hit(vehicle_id, "replay", command_id=command_id)
            now_s = injection.env.now  # whoever comes meanwhile finds the box at work
            injection.hit(vehicle_id, "replay", during_s=(now_s, now_s + HANDLED_S))

        spy = outsider(
            f"spy-on-{injection.boxes[0].vehicle_id}",
            injection,
            subscriptions=profile.filters((TopicKind.COMMAND,)),
            on_message=hear,
        )
        spy.connect()
        yield injection.whole_window()
        spy.leave()
