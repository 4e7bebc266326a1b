"""Tests of `fleet_sim.customers.customer`: what a customer does, step by step."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fleet_sim.cars.distributions import Uniform
from fleet_sim.cars.failpoints import ACTUATION
from fleet_sim.cars.vehicle import Door
from fleet_sim.customers.records import AppScreen, CustomerStep
from fleet_sim.platform import answers
from fleet_sim.platform.failpoints import ADMISSION, ANSWER
from fleet_sim.platform.operations import Answer, Operation, PendingRequest, Request
from fleet_wire.contract import problems
from fleet_wire.contract.refusals import refused_because
from tests.helpers.city import AWAITED_CAR, City
from tests.helpers.platform_bench import Told

Step = CustomerStep
LONG = Uniform(base_s=300.0)
RENTAL = [
    Step.BOOKED, Step.ARRIVED, Step.PRESSED, Step.SHOWN, Step.OPENED, Step.DROVE,
    Step.PRESSED_LOCK, Step.SHOWN_LOCK, Step.ENDED,
]  # fmt: skip


def test_a_rental_in_which_all_goes_well() -> None:
    """Opened at the first press; while the car is driven it takes no command; then it is free."""
    city = City([0.0], cars=1)
    box = city.bench.box()
    city.let_pass(60)
    assert box.vehicle.cabin.is_ignition_on
    assert box.vehicle.is_open
    city.let_pass(100)
    assert city.steps() == RENTAL
    (opened,) = city.of(0, Step.OPENED)
    assert opened.press == 1
    assert 4 < (opened.since_press_s or 0) < 7  # the car takes two seconds, the hand three
    assert box.vehicle.is_locked
    assert not box.vehicle.is_open
    assert city.population.is_served
    assert city.population.take_car(city.bench.world.stream("x")) == "car-0"


def test_what_the_app_shows_is_what_the_platform_answered() -> None:
    """With the trace that the command carries, and the phone's own clock."""
    city = City([0.0])
    city.let_pass(60)
    (pressed,), (shown,) = city.of(0, Step.PRESSED), city.of(0, Step.SHOWN)
    assert (shown.status, shown.problem, shown.shown) == (200, None, AppScreen.OPEN)
    (command,) = [each for each in city.bench.log if each.event == "published"]
    assert pressed.trace_id == shown.trace_id == command.trace_id
    assert shown.command_id == command.command_id
    assert city.told_open == [("customer-00000", command.vehicle_id, command.command_id)]
    off_s = shown.phone_at - (city.bench.world.epoch_unix_s + 1.0 + shown.at_s)
    assert -1 <= off_s < 1
    assert off_s != 0


def test_who_is_told_of_an_error_presses_again() -> None:
    """After reading it; the first press that is answered well opens the car."""
    city = City([0.0])
    errors = [problems.MAINTENANCE, problems.MAINTENANCE]
    city.let_pass(5)  # it is booked
    action = city.bench.platform.set_action(
        ADMISSION, lambda _why, _asked: errors.pop() if errors else None, by=Told()
    )
    with action:
        city.let_pass(60)
    shown = [each.shown for each in city.of(0, Step.SHOWN)]
    assert shown == [problems.MAINTENANCE.sentence] * 2 + [AppScreen.OPEN]
    assert city.of(0, Step.OPENED)[0].press == 3


def test_a_car_that_says_nothing_for_so_long_that_patience_ends() -> None:
    """Pressed every 12 s for a minute, then given up; support is called, the booking ends."""
    city = City([0.0], cars=1, calls_support=1.0, max_presses=100)
    with city.bench.box().modem.bearer.without_coverage(by=Told()):
        city.let_pass(200)
    presses = city.of(0, Step.PRESSED)
    assert [each.press for each in presses] == [*range(1, len(presses) + 1)]
    (gave_up,), (called,) = city.of(0, Step.GAVE_UP), city.of(0, Step.CALLED_SUPPORT)
    assert gave_up.since_press_s == pytest.approx(62, abs=0.5)  # patience, and the last sentence
    assert called.at_s == pytest.approx(gave_up.at_s + 20)
    assert city.steps()[-1] is Step.ENDED
    assert city.bench.box().vehicle.movement == 0


def test_some_leave_without_a_word() -> None:
    """The next one may take the car."""
    city = City([0.0, 200.0], cars=1, calls_support=0.0)
    with city.bench.box().modem.bearer.without_coverage(by=Told()):
        city.let_pass(150)
    assert Step.CALLED_SUPPORT not in city.steps()
    city.let_pass(200)
    assert Step.OPENED in city.steps(1)


def test_what_is_hopeless_is_not_tried_again() -> None:
    """Somebody else's booking stays somebody else's."""
    city = City([0.0])
    city.let_pass(5)
    answer = answers.of_problem(problems.BOOKING_OF_ANOTHER)
    with city.bench.platform.set_action(ANSWER, lambda _answer, _asked: answer, by=Told()):
        city.let_pass(60)
    assert len(city.of(0, Step.PRESSED)) == 1
    assert Step.GAVE_UP in city.steps()


def test_the_door_is_tried_where_the_app_says_so() -> None:
    """The car has opened, though nobody knows it."""
    city = City([0.0], cars=1, platform=None)
    city.let_pass(5)
    answer = answers.of_problem(problems.VEHICLE_SILENT)
    with city.bench.platform.set_action(ANSWER, lambda _answer, _asked: answer, by=Told()):
        city.let_pass(30)
    assert city.of(0, Step.OPENED)[0].press == 1


def test_told_open_of_a_car_that_is_not() -> None:
    """The hand finds a locked door, and presses again: the app has lied."""
    city = City([0.0], cars=1)
    box = city.bench.box()
    with box.set_action(ACTUATION, lambda _moves, _command: False, by=Told()):
        city.let_pass(25)
    assert city.told_open
    assert box.vehicle.is_door_locked(Door.DRIVER)
    assert Step.PULLED in city.steps()
    city.let_pass(60)
    assert Step.OPENED in city.steps()


def test_told_locked() -> None:
    """Whoever reads so is a witness."""
    city = City([0.0])
    city.let_pass(3000)
    shown = city.of(0, Step.SHOWN_LOCK)
    assert city.told_locked == [("customer-00000", shown[0].vehicle_id, shown[0].command_id)]


def test_some_choose_a_car_that_was_just_taken() -> None:
    """It is not given to them, they take another one, and the first is not disturbed."""
    city = City([0.0, 0.5, 9.0], cars=3, same_car=1.0)
    city.let_pass(20)
    first, second, third = (city.of(who, Step.BOOKED)[0] for who in range(3))
    assert len({first.vehicle_id, second.vehicle_id, third.vehicle_id}) == 3
    refused = [event for event in city.bench.log if event.problem == "vehicle-taken"]
    assert [event.vehicle_id for event in refused] == [first.vehicle_id]


def test_without_a_free_car_they_leave() -> None:
    """A car is one customer's at a time."""
    city = City([0.0, 1.0], cars=1)
    city.let_pass(60)
    assert city.steps(1) == [Step.NOT_BOOKED]
    assert city.population.is_served


def test_a_booking_that_is_too_short_for_the_drive_is_extended() -> None:
    """So the car can be locked after it."""
    city = City([0.0], booking=Uniform(base_s=60.0), drive=Uniform(base_s=400.0))
    city.let_pass(600)
    assert city.steps() == [*RENTAL[:5], Step.EXTENDED, *RENTAL[5:]]


def test_a_lost_answer_is_asked_for_again_and_opens_nothing_twice() -> None:
    """The app asks with the same key, and gets the first answer."""
    box = AWAITED_CAR.model_copy(update={"relock_after_s": None})
    city = City([0.0], cars=1, box=box, patience=LONG, presses_again=LONG)
    city.let_pass(5)
    lost, ask = [True], city.bench.platform.ask

    def lose_first(request: Request, on_answer: Callable[[Answer], None]) -> PendingRequest:
        is_lost = request.operation is Operation.UNLOCK and lost and lost.pop()
        return ask(request, (lambda _answer: None) if is_lost else on_answer)

    city.bench.platform.ask = lose_first  # type: ignore[assignment, method-assign]
    city.let_pass(60)
    assert [each.shown for each in city.of(0, Step.SHOWN)] == [AppScreen.OPEN]
    assert len(city.bench.published) == 1


def test_an_app_that_does_not_wait_polls() -> None:
    """202 first, then the status until it is final."""
    phone = City([]).population._parameters.phone.model_copy(update={"wait_s": 0.0})
    city = City([0.0], phone=phone, box=AWAITED_CAR)
    city.let_pass(60)
    polls = [
        each for each in city.bench.log
        if (each.event, each.operation) == ("answered", "command_status")
    ]  # fmt: skip
    assert polls
    assert city.steps()[:5] == RENTAL[:5]


def test_refused_when_polled_is_shown_in_words() -> None:
    """The app has sentences of its own for what a status says."""
    phone = City([]).population._parameters.phone.model_copy(update={"wait_s": 0.0})
    city = City([0.0], cars=1, phone=phone)
    with city.bench.box().vehicle.being(is_ignition_on=True, by=Told()):
        city.let_pass(20)
    refused = refused_because("wrong_vehicle_state")
    assert city.of(0, Step.SHOWN)[0].shown == refused.sentence


def test_the_app_shows_the_sentence_that_the_answer_has() -> None:
    """Over HTTP its problem is known by its type alone, and the sentence is the answer's own."""
    city = City([0.0], max_presses=1)
    city.let_pass(5)
    own = refused_because("low_voltage")
    answer = Answer(status=502, body=own.body(), problem=problems.VEHICLE_REFUSED)
    with city.bench.platform.set_action(ANSWER, lambda _answer, _asked: answer, by=Told()):
        city.let_pass(25)
    assert [each.shown for each in city.of(0, Step.SHOWN)] == [own.sentence]


def test_answers_of_another_platform_break_nothing() -> None:
    """A proxy's error without a type is one; a body with nothing in it says that nothing is so."""
    city = City([0.0], max_presses=2)
    city.let_pass(5)
    strange = iter([Answer(status=502, body={}), Answer(status=200, body={})])
    with city.bench.platform.set_action(ANSWER, lambda _answer, _asked: next(strange), by=Told()):
        city.let_pass(25)
    shown = [each.shown for each in city.of(0, Step.SHOWN)]
    assert shown == [problems.INTERNAL_ERROR.sentence, problems.VEHICLE_SILENT.sentence]
    assert not city.told_open


def test_a_call_to_support_is_a_ticket_with_what_the_app_had_shown() -> None:
    """The helpdesk knows who called, about which car, and what about."""

    def turn_away(_usual: object, _request: Request) -> problems.ProblemType:
        return problems.MAINTENANCE

    city = City([0.0], calls_support=1.0, max_presses=1)
    city.let_pass(5)
    with city.bench.platform.set_action(ADMISSION, turn_away, by=Told()):
        city.let_pass(60)
    (ticket,) = [each for each in city.bench.log if each.event == "support_called"]
    (booked,), (called,) = city.of(0, Step.BOOKED), city.of(0, Step.CALLED_SUPPORT)
    assert (ticket.account_id, ticket.vehicle_id) == ("customer-00000", booked.vehicle_id)
    assert (ticket.booking_id, ticket.app_version) == (booked.booking_id, "1.0.0")
    assert ticket.shown == called.shown == problems.MAINTENANCE.sentence
