"""One customer: books, walks, presses, presses again, gives up or opens, drives, locks, ends."""

from __future__ import annotations

from collections.abc import Generator
from enum import Enum
from functools import partial
from typing import Any, NamedTuple

import simpy

from fleet_sim.cars.box import Box
from fleet_sim.cars.distributions import Delay, Uniform
from fleet_sim.cars.world import World
from fleet_sim.customers.cars import RentedCars
from fleet_sim.customers.failpoints import (
    APPROACH,
    KEY_AGE,
    REQUEST,
    CustomerFailpoints,
    Renter,
    Sending,
    StruckCustomer,
)
from fleet_sim.customers.parameters import CustomerParameters
from fleet_sim.customers.phone import Phone
from fleet_sim.customers.records import AppScreen, CustomerEvent, CustomerStep, Witnesses
from fleet_sim.platform.operations import Answer, Operation, Request, SupportCall
from fleet_wire.contract import problems
from fleet_wire.contract.refusals import refused_because
from fleet_wire.contract.trace_context import TraceContext

HOPELESS = frozenset(
    {
        problems.UNAUTHENTICATED.slug,
        problems.BOOKING_OF_ANOTHER.slug,
        problems.VEHICLE_NOT_BOOKED.slug,
        problems.BOOKING_ENDED.slug,
        problems.BOOKING_UNKNOWN.slug,
    }
)
"""Problems after which a customer does not press again."""
STANDS_WITHIN_M = Uniform(base_s=1.0, spread_s=9.0)
"""Distance from the car to a customer who presses unlock, metres, as the phone measures it [E]."""
MARGIN_S = 600.0
"""Seconds; a customer whose booking ends sooner after the drive extends it [E]."""

Life = Generator[simpy.Event, Any, None]
Told = Generator[simpy.Event, Any, bool]


class Verdict(Enum):
    """A customer's conclusion from the app's screen."""

    OPEN = "open"
    HOPELESS = "hopeless"
    MAY_BE_OPEN = "may_be_open"
    """The app says to try the door."""
    WAITS = "waits"
    """It may be worth to wait, or to press again."""


class BookedCar(NamedTuple):
    """A car that a customer has booked before the run."""

    vehicle_id: str
    booking_id: str
    left_s: float
    """Seconds until the booking ends."""


class Customer:
    """A customer and a phone. Times of events count from the load."""

    def __init__(
        self,
        customer_id: str,
        world: World,
        parameters: CustomerParameters,
        *,
        phone: Phone,
        cars: RentedCars,
        failpoints: CustomerFailpoints,
        witnesses: Witnesses,
        load_starts_s: float,
    ) -> None:
        self._id = customer_id
        self._env = world.env
        self._parameters = parameters
        self._phone = phone
        self._cars = cars
        self._stream = world.stream(customer_id)
        self._witnesses = witnesses
        self._load_starts_s = load_starts_s
        self._struck = StruckCustomer(failpoints, lambda: world.env.now)
        self._stands_at = ""
        """The car that the customer stands beside; it may be the wrong one."""
        self._vehicle_id: str | None = None
        self._booking_id: str | None = None
        self._ends_at = 0.0
        self._booked_s = 0.0
        self._first_press_s = 0.0
        self._presses = 0
        self._shown: str | None = None
        """The app's last message about a press."""

    def live(self) -> Life:
        """Do it all, from opening the app to the end of the booking."""
        has_car = yield from self._book()
        if not has_car:
            self._cars.count_served()
            return
        yield self._for(self._parameters.walk)
        yield from self._use_car()

    def _use_car(self) -> Life:
        renter = self._renter
        self._stands_at = self._struck.at(APPROACH, renter, usual=renter.vehicle_id)
        self._note(CustomerStep.ARRIVED)
        is_open = yield from self._open()
        self._struck.report_hits(renter)
        self._cars.count_served()
        if is_open:
            yield from self._drive()
            yield from self._lock()
        yield self._for(self._parameters.ends)
        yield from self._end_booking()

    def walk_on(self, booked: BookedCar, *, left_s: float) -> Life:
        """Do the rest of it, from the middle of a walk that ends after `left_s`."""
        self._has_booked(booked)
        yield self._env.timeout(left_s)
        yield from self._use_car()

    def drive_on(self, booked: BookedCar, *, left_s: float) -> Life:
        """Do the rest of it, from the middle of a drive that ends after `left_s`."""
        self._has_booked(booked)
        self._stands_at = booked.vehicle_id
        yield self._env.timeout(left_s)
        self._get_out()
        yield from self._lock()
        yield self._for(self._parameters.ends)
        yield from self._end_booking()

    # Booking

    def _has_booked(self, booked: BookedCar) -> None:
        self._vehicle_id, self._booking_id = booked.vehicle_id, booked.booking_id
        self._ends_at, self._booked_s = self._phone.unix_s() + booked.left_s, self._env.now

    def _book(self) -> Told:
        answer: Answer | None = None
        for _ in range(self._parameters.cars_tried):
            vehicle_id = self._cars.take_car(self._stream)
            if vehicle_id is None:
                break
            self._vehicle_id = vehicle_id
            ends_at = self._phone.unix_s() + self._parameters.booking.sample_s(self._stream)
            answer = yield from self._phone.ask(
                Operation.BOOK, vehicle_id=vehicle_id, ends_at=ends_at
            )
            if answer is not None and answer.is_ok:
                self._booking_id, self._ends_at = str(answer.body.get("booking_id")), ends_at
                self._booked_s = self._env.now
                self._note(CustomerStep.BOOKED, answer=answer)
                return True
            self._cars.leave_car(vehicle_id)
            yield self._for(self._parameters.reads)
        self._note(CustomerStep.NOT_BOOKED, answer=answer)
        return False

    def _end_booking(self) -> Life:
        for _ in range(self._parameters.max_presses):
            answer = yield from self._phone.ask(Operation.END, booking_id=self._booking_id)
            self._note(CustomerStep.ENDED, answer=answer)
            if answer is not None and answer.is_ok:
                break
            yield self._for(self._parameters.reads)
        assert self._vehicle_id is not None  # noqa: S101 - a booking implies a car
        self._cars.leave_car(self._vehicle_id)

    # Opening

    def _open(self) -> Told:
        """Press until the door opens, or patience, presses or hope are at an end."""
        parameters, env = self._parameters, self._env
        self._first_press_s = env.now
        gives_up_s = env.now + parameters.patience.sample_s(self._stream)
        under_way: list[simpy.Process] = []
        verdict = Verdict.WAITS
        while (
            self._presses < parameters.max_presses
            and env.now < gives_up_s
            and verdict is not Verdict.HOPELESS
        ):
            self._presses += 1
            under_way.append(env.process(self._press(self._presses)))
            again_s = min(env.now + parameters.presses_again.sample_s(self._stream), gives_up_s)
            verdict = yield from self._wait(under_way, again_s)
            yield self._for(parameters.opens_door if verdict is Verdict.OPEN else parameters.reads)
            if self._tries_door(verdict) and self._pull_handle():
                self._leave_app(under_way)
                return True
        self._leave_app(under_way)
        yield from self._give_up()
        return False

    def _leave_app(self, under_way: list[simpy.Process]) -> None:
        """Drop the requests that are still under way: nobody looks at the app any more."""
        for press in under_way:
            if press.is_alive:
                press.interrupt()

    def _press(self, press: int) -> Generator[simpy.Event, Any, Verdict]:
        """Press unlock; the verdict is what the app shows in the end."""
        trace = self._phone.new_trace()
        self._note(CustomerStep.PRESSED, press=press, trace=trace)
        try:
            answer = yield from self._phone.command(
                Operation.UNLOCK,
                trace,
                alter=partial(self._altered, renter=self._renter),
                **self._where(),
                vehicle_id=self._vehicle_id,
                booking_id=self._booking_id,
            )
        except simpy.Interrupt:
            return Verdict.WAITS
        shown = app_message(answer, AppScreen.OPEN)
        if answer is None and self._parameters.phone.offline_key_s is not None:
            shown = self._try_key(self._parameters.phone.offline_key_s)
        self._shown = shown
        self._note(CustomerStep.SHOWN, press=press, trace=trace, answer=answer, shown=shown)
        if answer is None and shown == AppScreen.OPEN:
            return Verdict.OPEN
        if shown == AppScreen.OPEN:
            self._witnesses.told_open(self._id, self._vehicle_id or "", _command_id(answer))
            return Verdict.OPEN
        return _verdict(answer)

    def _where(self) -> dict[str, Any]:
        """Return where the phone is, and how far from the car, if the app says so."""
        if not self._parameters.phone.sends_position:
            return {}
        return {
            "position": self._cars.coordinates_of(self._vehicle_id or ""),
            "distance_m": STANDS_WITHIN_M.sample_s(self._stream),
        }

    def _try_key(self, good_for_s: float) -> str:
        """Try the phone's own key at the car; return what the app shows."""
        usual_s = self._env.now - self._booked_s
        age_s = self._struck.at(KEY_AGE, self._renter, usual=usual_s)
        is_good = age_s <= good_for_s
        is_open = self._is_at_own_car and self._car.unlock_by_key(is_good=is_good)
        if is_open:
            return AppScreen.OPEN
        return AppScreen.NO_ANSWER if is_good else AppScreen.KEY_EXPIRED

    @property
    def _is_at_own_car(self) -> bool:
        return self._stands_at == self._vehicle_id

    def _altered(self, request: Request, *, renter: Renter) -> Request | None:
        """Return what leaves the phone of a request to unlock."""
        return self._struck.at(REQUEST, Sending(renter, request), usual=request)

    def _wait(
        self, under_way: list[simpy.Process], until_s: float
    ) -> Generator[simpy.Event, Any, Verdict]:
        """Wait until a press has succeeded or all have failed, or it is time to press again."""
        env = self._env
        while under_way and env.now < until_s:
            yield simpy.AnyOf(env, [*under_way, env.timeout(until_s - env.now)])
            ended = [press for press in under_way if press.processed]
            under_way[:] = [press for press in under_way if not press.processed]
            for verdict in (Verdict.OPEN, Verdict.HOPELESS, Verdict.MAY_BE_OPEN):
                if any(press.value is verdict for press in ended):
                    return verdict
        return Verdict.WAITS

    def _tries_door(self, verdict: Verdict) -> bool:
        """Return whether a hand goes to the handle: where the app says so, else by chance."""
        is_told = verdict in (Verdict.OPEN, Verdict.MAY_BE_OPEN)
        return self._stream.uniform() < self._parameters.tries_door or is_told

    def _pull_handle(self) -> bool:
        """Pull the handle; return whether the door opens."""
        is_open = self._is_at_own_car and self._car.pull_handle()
        self._note(CustomerStep.OPENED if is_open else CustomerStep.PULLED, press=self._presses)
        return is_open

    def _give_up(self) -> Life:
        self._note(CustomerStep.GAVE_UP, press=self._presses)
        if self._stream.uniform() < self._parameters.calls_support:
            yield self._for(self._parameters.dials)
            self._call_support()

    def _call_support(self) -> None:
        self._note(CustomerStep.CALLED_SUPPORT, press=self._presses, shown=self._shown)
        self._witnesses.called_support(
            SupportCall(
                account_id=self._id,
                vehicle_id=self._vehicle_id,
                booking_id=self._booking_id,
                app_version=self._phone.app_version,
                shown=self._shown,
            )
        )

    # Driving and coming back

    def _drive(self) -> Life:
        drive_s = self._parameters.drive.sample_s(self._stream)
        needed_until = self._phone.unix_s() + drive_s + MARGIN_S
        if needed_until > self._ends_at:
            answer = yield from self._phone.ask(
                Operation.EXTEND, booking_id=self._booking_id, ends_at=needed_until
            )
            self._note(CustomerStep.EXTENDED, answer=answer)
        self._car.drive_off()
        yield self._env.timeout(drive_s)
        self._get_out()

    def _get_out(self) -> None:
        self._car.get_out()
        self._note(CustomerStep.DROVE)

    def _lock(self) -> Life:
        """Press lock until the app says that the car is locked, or says nothing that helps."""
        yield self._for(self._parameters.locks)
        for press in range(1, self._parameters.max_presses + 1):
            trace = self._phone.new_trace()
            self._note(CustomerStep.PRESSED_LOCK, press=press, trace=trace)
            answer = yield from self._phone.command(
                Operation.LOCK, trace, vehicle_id=self._vehicle_id, booking_id=self._booking_id
            )
            shown = app_message(answer, AppScreen.LOCKED)
            self._note(
                CustomerStep.SHOWN_LOCK, press=press, trace=trace, answer=answer, shown=shown
            )
            if shown == AppScreen.LOCKED:
                self._witnesses.told_locked(self._id, self._vehicle_id or "", _command_id(answer))
                return
            if _verdict(answer) is Verdict.HOPELESS:
                return
            yield self._for(self._parameters.reads)

    # Within

    @property
    def _car(self) -> Box:
        return self._cars.boxes[self._stands_at]

    @property
    def _renter(self) -> Renter:
        return Renter(self._id, self._vehicle_id or "", self._phone.app_version)

    def _for(self, delay: Delay) -> simpy.Timeout:
        """Return what to wait for that takes a while."""
        return self._env.timeout(delay.sample_s(self._stream))

    def _note(
        self,
        step: CustomerStep,
        *,
        press: int | None = None,
        trace: TraceContext | None = None,
        answer: Answer | None = None,
        shown: str | None = None,
    ) -> None:
        problem = None if answer is None else answer.problem
        now_s = self._env.now
        self._witnesses.record(
            CustomerEvent(
                at_s=round(now_s - self._load_starts_s, 6),
                customer_id=self._id,
                step=step,
                phone_at=round(self._phone.unix_s(), 6),
                app_version=self._phone.app_version,
                vehicle_id=self._vehicle_id,
                booking_id=self._booking_id,
                press=press,
                since_press_s=None if press is None else round(now_s - self._first_press_s, 6),
                trace_id=None if trace is None else trace.trace_id,
                command_id=_command_id(answer),
                status=None if answer is None else answer.status,
                problem=None if problem is None else problem.slug,
                shown=shown,
            )
        )


def _command_id(answer: Answer | None) -> str | None:
    """Return the command that an answer tells of, by what the API calls it."""
    return None if answer is None else answer.body.get("command_id")


def app_message(answer: Answer | None, done: AppScreen) -> str:
    """Return what the app makes of an answer to a command."""
    if answer is None:
        return AppScreen.NO_ANSWER
    if not answer.is_ok:
        problem = answer.problem
        return problems.INTERNAL_ERROR.sentence if problem is None else _detail(answer, problem)
    state = answer.body.get("state")
    if state == "executed":
        return done
    if state == "refused":
        return refused_because(answer.body.get("reason")).sentence
    return problems.VEHICLE_SILENT.sentence


def _detail(answer: Answer, problem: problems.ProblemType) -> str:
    """Return the sentence that an answer has for the customer, else the usual one of its type."""
    detail = answer.body.get("detail")
    return detail if isinstance(detail, str) else problem.sentence


def _verdict(answer: Answer | None) -> Verdict:
    """Return whether there is hope, where the app does not show that the car is open."""
    problem = None if answer is None else answer.problem
    slug = None if problem is None else problem.slug
    if slug == problems.VEHICLE_SILENT.slug:
        return Verdict.MAY_BE_OPEN
    return Verdict.HOPELESS if slug in HOPELESS else Verdict.WAITS
