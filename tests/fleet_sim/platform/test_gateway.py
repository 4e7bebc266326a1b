"""Tests of `fleet_sim.platform.gateway`: what a phone asks, and what it is answered."""

from __future__ import annotations

from typing import Any

import pytest

from fleet_sim.platform import answers as answers_of
from fleet_sim.platform.operations import Answer, Operation, Request
from fleet_wire.contract import problems
from fleet_wire.contract.platform_log import PlatformStep
from tests.helpers.platform_bench import CAR, PlatformBench

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
"""Its database takes a second for each request."""


@pytest.fixture
def bench() -> PlatformBench:
    """Return a platform and two cars that take no time."""
    return PlatformBench()


@pytest.mark.parametrize("operation", [Operation.LOCK, Operation.EXTEND, Operation.END])
def test_who_did_not_ask_to_open_is_told_nothing_of_it(
    bench: PlatformBench, operation: Operation
) -> None:
    """Sentences are read out as they stand."""
    booking_id = bench.book()
    asked: dict[str, Any] = {"booking_id": booking_id, "ends_at": bench.now + 9_000}
    another = bench.answer(operation, customer="bert", **asked)
    assert another.problem is problems.BOOKING_OF_ANOTHER
    bench.answer(Operation.END, booking_id=booking_id)
    told = [another, bench.answer(operation, **asked)]
    assert [answer for answer in told if "open" in answer.body.get("detail", "")] == []


@pytest.mark.parametrize(
    ("operation", "asked", "problem"),
    [
        (Operation.BOOK, {"customer": "bert", "vehicle_id": CAR}, problems.VEHICLE_TAKEN),
        (Operation.BOOK, {"vehicle_id": CAR}, problems.VEHICLE_TAKEN_BY_SELF),
        (Operation.LOCK, {"booking_id": "b1", "vehicle_id": "car-1"}, problems.VEHICLE_NOT_BOOKED),
        (Operation.VEHICLE_STATE, {"vehicle_id": "car-1"}, problems.VEHICLE_WITHOUT_BOOKING),
    ],
)
def test_problems_of_one_type_have_sentences_of_their_own(
    bench: PlatformBench, operation: Operation, asked: dict[str, Any], problem: problems.ProblemType
) -> None:
    """A customer reads what was wrong with the own request."""
    booking_id = bench.book()
    if "booking_id" in asked:
        asked = {**asked, "booking_id": booking_id}
    answer = bench.answer(operation, ends_at=bench.now + 60, **asked)
    assert answer.problem is problem
    assert answer.status == answer.body["status"] == problem.status
    assert answer.body["detail"] == problem.sentence


def test_a_request_that_was_answered_from_outside_cannot_hang_up(bench: PlatformBench) -> None:
    """The log has what the customer was told, and what came of the command."""
    booking_id = bench.book()
    request = Request(
        operation=Operation.UNLOCK,
        token=bench.platform.token_of("anna"),
        booking_id=booking_id,
        wait_s=20,
    )
    answers: list[Answer] = []
    told = bench.platform.ask(request, answers.append)
    told.answer_now(answers_of.of_problem(problems.MAINTENANCE))
    assert not told.hang_up()
    bench.let_pass(1)
    assert [answer.status for answer in answers] == [503]
    of_told = [each for each in bench.log if each.request_id == told.request_id]
    assert [(each.event, each.status) for each in of_told if each.status is not None] == [
        (PlatformStep.ANSWERED, 503),
        (PlatformStep.UNHEARD, 200),
    ]


def test_requests_of_a_key_have_its_digest_in_common(bench: PlatformBench) -> None:
    """And others have not: of another customer, with another key, or without one."""
    for customer, key in (
        ("anna", "k"),
        ("anna", "k"),
        ("bert", "k"),
        ("anna", "l"),
        ("anna", None),
    ):
        bench.answer(Operation.UNLOCK, customer=customer, booking_id="b", idempotency_key=key)
    digests = [event.key_digest for event in bench.log if event.event is PlatformStep.ANSWERED]
    assert digests[0] == digests[1]
    assert digests[-1] is None
    assert len(set(digests)) == 4
    bench.answer(Operation.VEHICLE_STATE, vehicle_id=CAR, idempotency_key="k")
    assert bench.log[-1].key_digest is None  # it changes nothing: a key means nothing there


def test_the_state_of_ones_own_car(bench: PlatformBench) -> None:
    """As it was heard last."""
    booking_id = bench.book()
    bench.unlock(booking_id)
    bench.let_pass(1)
    body = bench.answer(Operation.VEHICLE_STATE, vehicle_id=CAR).body
    assert (body["vehicle_id"], body["presence"], body["is_locked"]) == (CAR, "online", False)
    assert body["state_at"] is not None


def test_the_phones_trace_goes_on_to_the_car(bench: PlatformBench) -> None:
    """With a span of the platform's own; without one the platform begins a trace."""
    booking_id = bench.book()
    bench.unlock(booking_id, traceparent=f"00-{TRACE}-00f067aa0ba902b7-01")
    bench.unlock(booking_id, traceparent="nonsense")
    sent = [dict(message.user_properties)["traceparent"] for message in bench.commands.messages]
    assert sent[0].startswith(f"00-{TRACE}-")
    assert "00f067aa0ba902b7" not in sent[0]
    assert TRACE not in sent[1]
    traces = {event.trace_id for event in bench.log if event.operation == "unlock"}
    assert traces == {TRACE, sent[1].split("-")[1]}


def test_the_log_names_every_step(bench: PlatformBench) -> None:
    """With the ids by which the steps are joined."""
    booking_id = bench.book()
    bench.unlock(booking_id, app_version="7.1")
    events = [event for event in bench.log if event.operation == "unlock"]
    assert [event.event for event in events] == [
        PlatformStep.REQUESTED,
        PlatformStep.PUBLISHED,
        PlatformStep.ACCEPTED,
        PlatformStep.ENDED,
        PlatformStep.ANSWERED,
    ]
    assert len({event.request_id for event in events}) == 1
    assert {event.command_id for event in events[1:]} == {bench.published[0].command_id}
    assert {event.booking_id for event in events} == {booking_id}
    asked, *_, ended, answered = events
    assert (asked.app_version, asked.endpoint) == ("7.1", "/vehicles/{vehicle_id}/unlock")
    assert (ended.outcome, answered.status, answered.problem) == ("executed", 200, None)


def test_a_defect_of_ours_is_an_internal_error(
    bench: PlatformBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is counted, answered, and nobody else is hurt."""
    booking_id = bench.book()

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(bench.platform.service, "send", fail)
        (answer,) = bench.ask(Operation.UNLOCK, booking_id=booking_id)
    assert answer.problem is problems.INTERNAL_ERROR
    assert bench.world.defects.count == 1
    bench.world.defects.count = 0
    assert bench.unlock(booking_id).status == 200
