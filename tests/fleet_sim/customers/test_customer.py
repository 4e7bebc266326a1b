"""Tests of `fleet_sim.customers.customer`: what a customer does, step by step."""

from __future__ import annotations

from collections.abc import Callable

from fleet_sim.cars.distributions import Uniform
from fleet_sim.customers.records import AppScreen, CustomerStep
from fleet_sim.platform.failpoints import ADMISSION, ANSWER
from fleet_sim.platform.operations import Answer, Operation, PendingRequest, Request
from fleet_wire.contract import problems
from fleet_wire.contract.refusals import refused_because
from tests.helpers.city import AWAITED_CAR, City
from tests.helpers.culprit import Suspect

Step = CustomerStep
LONG = Uniform(base_s=300.0)


def test_what_the_app_shows_is_what_the_platform_answered() -> None:
    """With the trace that the command carries, and the phone's own clock."""
    city = City([0.0])
    city.let_pass(60)
    (pressed,), (shown,) = city.of(Step.PRESSED), city.of(Step.SHOWN)
    assert (shown.status, shown.problem, shown.shown) == (200, None, AppScreen.OPEN)
    (command,) = [each for each in city.bench.log if each.event == "published"]
    assert pressed.trace_id == shown.trace_id == command.trace_id
    assert shown.command_id == command.command_id
    assert city.told_open == [("customer-00000", command.vehicle_id, command.command_id)]
    off_s = shown.phone_at - (city.bench.world.epoch_unix_s + 1.0 + shown.at_s)
    assert -1 <= off_s < 1
    assert off_s != 0


def test_a_lost_answer_is_asked_for_again_and_opens_nothing_twice() -> None:
    """The app asks with the same key, and gets the first answer."""
    box = AWAITED_CAR.model_copy(update={"relock_after_s": None})
    city = City([0.0], box=box, patience=LONG, presses_again=LONG)
    city.let_pass(5)
    lost, ask = [True], city.bench.platform.ask

    def lose_first(request: Request, on_answer: Callable[[Answer], None]) -> PendingRequest:
        is_lost = request.operation is Operation.UNLOCK and lost and lost.pop()
        return ask(request, (lambda _answer: None) if is_lost else on_answer)

    city.bench.platform.ask = lose_first  # type: ignore[assignment, method-assign]
    city.let_pass(60)
    assert [each.shown for each in city.of(Step.SHOWN)] == [AppScreen.OPEN]
    assert len(city.bench.published) == 1


def test_the_app_shows_the_sentence_that_the_answer_has() -> None:
    """Over HTTP its problem is known by its type alone, and the sentence is the answer's own."""
    city = City([0.0], max_presses=1)
    city.let_pass(5)
    own = refused_because("low_voltage")
    answer = Answer(status=502, body=own.body(), problem=problems.VEHICLE_REFUSED)
    with city.bench.platform.set_action(ANSWER, lambda _answer, _asked: answer, by=Suspect()):
        city.let_pass(25)
    assert [each.shown for each in city.of(Step.SHOWN)] == [own.sentence]


def test_answers_of_another_platform_break_nothing() -> None:
    """A proxy's error without a type is one; a body with nothing in it says that nothing is so."""
    city = City([0.0], max_presses=2)
    city.let_pass(5)
    strange = iter([Answer(status=502, body={}), Answer(status=200, body={})])
    with city.bench.platform.set_action(
        ANSWER, lambda _answer, _asked: next(strange), by=Suspect()
    ):
        city.let_pass(25)
    shown = [each.shown for each in city.of(Step.SHOWN)]
    assert shown == [problems.INTERNAL_ERROR.sentence, problems.VEHICLE_SILENT.sentence]
    assert not city.told_open


def test_a_call_to_support_is_a_ticket_with_what_the_app_had_shown() -> None:
    """The helpdesk knows who called, about which car, and what about."""

    def turn_away(_usual: object, _request: Request) -> problems.ProblemType:
        return problems.MAINTENANCE

    city = City([0.0], calls_support=1.0, max_presses=1)
    city.let_pass(5)
    with city.bench.platform.set_action(ADMISSION, turn_away, by=Suspect()):
        city.let_pass(60)
    (ticket,) = [each for each in city.bench.log if each.event == "support_called"]
    (booked,), (called,) = city.of(Step.BOOKED), city.of(Step.CALLED_SUPPORT)
    assert (ticket.account_id, ticket.vehicle_id) == ("customer-00000", booked.vehicle_id)
    assert (ticket.booking_id, ticket.app_version) == (booked.booking_id, "1.0.0")
    assert ticket.shown == called.shown == problems.MAINTENANCE.sentence
