"""Tests of `fleet_sim.customers.customer`: what a customer does, step by step."""

from __future__ import annotations

from fleet_sim.customers.records import AppScreen, CustomerStep
from fleet_sim.platform.failpoints import ANSWER
from fleet_sim.platform.operations import Answer
from fleet_wire.contract import problems
from fleet_wire.contract.refusals import refused_because
from tests.helpers.city import City
from tests.helpers.culprit import Suspect

Step = CustomerStep


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
