"""Tests of `fleet_sim.platform.gateway`: what a phone asks, and what it is answered."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from fleet_sim.cars.distributions import Uniform
from fleet_sim.cars.parameters import NULL_BOX
from fleet_sim.platform import answers as answers_of
from fleet_sim.platform.failpoints import ADMISSION, ANSWER, LOOKUP, PATIENCE, REACH, SYNC, TAKEN
from fleet_sim.platform.operations import Answer, Operation, Request
from fleet_sim.platform.parameters import NULL_PLATFORM, RateLimit
from fleet_wire.contract import problems
from fleet_wire.contract.platform_log import PlatformStep
from tests.helpers.platform_bench import CAR, PlatformBench, Told

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SLOW = NULL_PLATFORM.model_copy(update={"lookup": Uniform(base_s=1.0)})
"""Its database takes a second for each request."""


def leave(
    bench: PlatformBench, booking_id: str, *, after_s: float | None, key: str | None = None
) -> None:
    """Ask for an unlock, and hang up after a while; None: not at all."""
    request = Request(
        operation=Operation.UNLOCK,
        token=bench.platform.token_of("anna"),
        vehicle_id=CAR,
        booking_id=booking_id,
        wait_s=20,
        idempotency_key=key,
    )
    asked = bench.platform.ask(request, lambda _answer: None)
    if after_s is not None:
        bench.let_pass(after_s)
        asked.hang_up()


@pytest.fixture
def bench() -> PlatformBench:
    """Return a platform and two cars that take no time."""
    return PlatformBench()


def test_a_rental(bench: PlatformBench) -> None:
    """Book, unlock, lock, end: the car follows."""
    booking_id = bench.book()
    opened = bench.unlock(booking_id)
    assert (opened.status, opened.body["state"]) == (200, "executed")
    assert not bench.box().vehicle.is_locked
    locked = bench.answer(Operation.LOCK, booking_id=booking_id, wait_s=10)
    assert locked.body["state"] == "executed"
    assert bench.box().vehicle.is_locked
    ended = bench.answer(Operation.END, booking_id=booking_id)
    assert ended.body["state"] == "ended"
    assert bench.unlock(booking_id).problem is problems.BOOKING_ENDED


def test_who_does_not_wait_is_told_where_to_ask(bench: PlatformBench) -> None:
    """202 at once, and the status says how it ended."""
    booking_id = bench.book()
    (answer,) = bench.ask(Operation.UNLOCK, booking_id=booking_id)
    assert answer.status == 202
    assert not answer.body["is_final"]
    command_id = answer.body["command_id"]
    assert answer.location == f"/commands/{command_id}"
    bench.let_pass(1)
    status = bench.answer(Operation.COMMAND_STATUS, command_id=command_id)
    assert (status.body["state"], status.body["is_final"]) == ("executed", True)


def test_who_waits_too_short_is_told_the_same(bench: PlatformBench) -> None:
    """The command goes on."""
    booking_id = bench.book()
    with bench.box().modem.bearer.without_coverage(by=Told()):
        answer = bench.unlock(booking_id, wait_s=2)
    assert answer.status == 202
    assert answer.body["state"] == "accepted"


def wrong(bench: PlatformBench, what: str) -> Answer:
    """Ask for something that is wrong in one way."""
    booking_id = bench.book()
    asked: dict[str, tuple[Operation, dict[str, Any]]] = {
        "no token": (Operation.UNLOCK, {"booking_id": booking_id, "token": None}),
        "forged": (Operation.UNLOCK, {"booking_id": booking_id, "token": f"anna.{'0' * 32}"}),
        "another's": (Operation.UNLOCK, {"booking_id": booking_id, "customer": "bert"}),
        "no booking": (Operation.UNLOCK, {"booking_id": "none"}),
        "nothing": (Operation.UNLOCK, {}),
        "other car": (Operation.LOCK, {"booking_id": booking_id, "vehicle_id": "car-1"}),
        "no car": (Operation.LOCK, {"booking_id": booking_id, "vehicle_id": "car-9"}),
        "taken": (
            Operation.BOOK, {"customer": "bert", "vehicle_id": CAR, "ends_at": bench.now + 60}
        ),
        "booked already": (Operation.BOOK, {"vehicle_id": CAR, "ends_at": bench.now + 60}),
        "unknown car": (Operation.BOOK, {"vehicle_id": "car-9", "ends_at": bench.now + 60}),
        "no end": (Operation.BOOK, {"vehicle_id": "car-1"}),
        "extended to nowhere": (Operation.EXTEND, {"booking_id": booking_id}),
        "another's state": (Operation.VEHICLE_STATE, {"vehicle_id": "car-1"}),
        "no command": (Operation.COMMAND_STATUS, {"command_id": "none"}),
    }  # fmt: skip
    operation, values = asked[what]
    return bench.answer(operation, **values)


@pytest.mark.parametrize(
    ("what", "problem"),
    [
        ("no token", problems.UNAUTHENTICATED),
        ("forged", problems.UNAUTHENTICATED),
        ("another's", problems.BOOKING_OF_ANOTHER),
        ("no booking", problems.BOOKING_UNKNOWN),
        ("nothing", problems.BOOKING_UNKNOWN),
        ("other car", problems.VEHICLE_NOT_BOOKED),
        ("no car", problems.VEHICLE_UNKNOWN),
        ("taken", problems.VEHICLE_TAKEN),
        ("booked already", problems.VEHICLE_TAKEN_BY_SELF),
        ("unknown car", problems.VEHICLE_UNKNOWN),
        ("no end", problems.INVALID_REQUEST),
        ("extended to nowhere", problems.INVALID_REQUEST),
        ("another's state", problems.VEHICLE_WITHOUT_BOOKING),
        ("no command", problems.COMMAND_UNKNOWN),
    ],
)
def test_each_mistake_has_a_type_of_its_own(
    bench: PlatformBench, what: str, problem: problems.ProblemType
) -> None:
    """None is answered as something that explains nothing, and no car moves."""
    answer = wrong(bench, what)
    assert answer.problem is problem
    assert answer.status == answer.body["status"] == problem.status
    assert answer.body["detail"] == problem.sentence
    assert not bench.published


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


def test_another_customers_command_is_unknown(bench: PlatformBench) -> None:
    """Who guesses ids learns nothing."""
    command_id = bench.unlock(bench.book()).body["command_id"]
    answer = bench.answer(Operation.COMMAND_STATUS, customer="bert", command_id=command_id)
    assert answer.problem is problems.COMMAND_UNKNOWN


def test_too_often_is_told_when_to_come_again() -> None:
    """A customer, and a car, each by a limit of its own."""
    limit = RateLimit(per_minute=6, burst=2)
    bench = PlatformBench(parameters=NULL_PLATFORM.model_copy(update={"customer_rate": limit}))
    booking_id = bench.book()
    bench.unlock(booking_id)
    answer = bench.unlock(booking_id)
    assert answer.problem is problems.TOO_MANY_REQUESTS
    assert answer.retry_after_s == pytest.approx(10, abs=0.5)
    bench.book(customer="bert", vehicle_id="car-1")  # another customer need not wait

    bench = PlatformBench(parameters=NULL_PLATFORM.model_copy(update={"vehicle_rate": limit}))
    booking_id = bench.book()
    statuses = [bench.unlock(booking_id).status for _ in range(3)]
    assert statuses == [200, 200, 429]


def test_the_same_key_is_the_same_request(bench: PlatformBench) -> None:
    """Answered or under way, the car gets one command; with another request it is an error."""
    booking_id = bench.book()
    first = bench.ask(Operation.UNLOCK, booking_id=booking_id, wait_s=20, idempotency_key="k")
    second = bench.ask(Operation.UNLOCK, booking_id=booking_id, wait_s=20, idempotency_key="k")
    bench.let_pass(1)
    third = bench.unlock(booking_id, idempotency_key="k")
    assert first == second == [third]
    assert len(bench.published) == 1
    other = bench.answer(Operation.LOCK, booking_id=booking_id, idempotency_key="k")
    assert other.problem is problems.KEY_REUSED
    another = bench.answer(
        Operation.UNLOCK, customer="bert", booking_id=booking_id, idempotency_key="k"
    )
    assert another.problem is problems.BOOKING_OF_ANOTHER  # keys belong to their customers


@pytest.mark.parametrize("wait_s", [0.0, 5.0])
def test_a_repeat_after_the_end_gets_the_final_status(bench: PlatformBench, wait_s: float) -> None:
    """A command that has ended is not "under way", however short the repeat waits."""
    booking_id = bench.book()
    with bench.box().modem.bearer.without_coverage(by=Told()):
        first = bench.unlock(booking_id, idempotency_key="k")
        again = bench.unlock(booking_id, idempotency_key="k", wait_s=wait_s)
    assert (first.status, first.body["state"], first.body["is_final"]) == (504, "expired", True)
    assert (again.status, again.problem) == (504, first.problem)
    assert again.body["command_id"] == first.body["command_id"]
    bench.let_pass(60)
    opened = bench.unlock(booking_id, idempotency_key="other")
    repeated = bench.unlock(booking_id, idempotency_key="other", wait_s=wait_s)
    assert (opened.status, repeated.status) == (200, 200)
    assert repeated.body == opened.body


def test_a_wait_longer_than_the_command_lives_ends_with_it(bench: PlatformBench) -> None:
    """The answer comes when the life and the grace are over, not when the wait is."""
    parameters = bench.platform._parameters
    began_s = bench.env.now
    with bench.box().modem.bearer.without_coverage(by=Told()):
        answer = bench.unlock(bench.book(), wait_s=60)
    assert answer.problem is problems.VEHICLE_SILENT
    lives_s = parameters.command_ttl_s + parameters.answer_grace_s
    assert lives_s <= bench.env.now - began_s < 60


def test_each_answer_to_a_key_names_the_command_in_the_log(bench: PlatformBench) -> None:
    """So one who reads along knows a repeat from a request of which nothing was made."""
    booking_id = bench.book()
    what: dict[str, Any] = {"booking_id": booking_id, "wait_s": 20, "idempotency_key": "k"}
    bench.ask(Operation.UNLOCK, **what)
    bench.ask(Operation.UNLOCK, **what)
    bench.let_pass(1)
    bench.unlock(booking_id, idempotency_key="k")
    answered = [
        event
        for event in bench.log
        if event.operation == "unlock" and event.event is PlatformStep.ANSWERED
    ]
    command_id = bench.published[0].command_id
    assert [event.command_id for event in answered] == [command_id] * 3
    assert len({event.request_id for event in answered}) == 3
    bench.answer(Operation.BOOK, vehicle_id="car-1", ends_at=bench.now + 60, idempotency_key="b")
    bench.answer(Operation.BOOK, vehicle_id="car-1", ends_at=bench.now + 60, idempotency_key="b")
    assert bench.log[-1].command_id is None


def test_a_key_under_which_nothing_was_done_may_be_tried_again(bench: PlatformBench) -> None:
    """An outage is not remembered for a day."""
    booking_id = bench.book()
    bench.broker.stop()
    bench.let_pass(1)
    answer = bench.unlock(booking_id, idempotency_key="k")
    assert answer.problem is problems.BROKER_UNAVAILABLE
    bench.broker.start()
    bench.let_pass(60)
    assert bench.unlock(booking_id, idempotency_key="k").status == 200


def test_who_hangs_up_is_not_answered_and_the_command_goes_on(bench: PlatformBench) -> None:
    """Its record is complete; a later request with the key learns how it ended."""
    booking_id = bench.book()
    answers: list[Answer] = []
    token = bench.platform.token_of("anna")
    request = Request(
        operation=Operation.UNLOCK,
        token=token,
        booking_id=booking_id,
        wait_s=20,
        idempotency_key="k",
    )
    bench.platform.ask(request, answers.append).hang_up()
    bench.let_pass(1)
    assert answers == []
    events = [event for event in bench.log if event.operation == "unlock"]
    steps = [event.event for event in events]
    assert steps == ["requested", "published", "hung_up", "accepted", "ended", "unheard"]
    assert (events[-1].status, events[-1].command_id) == (200, events[1].command_id)
    assert bench.unlock(booking_id, idempotency_key="k").body["state"] == "executed"


def test_who_cannot_hang_up_is_in_no_log(bench: PlatformBench) -> None:
    """Who was answered, who was told something else, and who was never heard."""
    booking_id = bench.book()
    token = bench.platform.token_of("anna")
    request = Request(operation=Operation.UNLOCK, token=token, booking_id=booking_id)
    answers: list[Answer] = []
    bench.platform.ask(request, answers.append).hang_up()
    assert len(answers) == 1
    waiting = msgspec.structs.replace(request, wait_s=20)
    told = bench.platform.ask(waiting, answers.append)
    told.answer_now(answers_of.of_problem(problems.MAINTENANCE))
    assert not told.hang_up()
    assert [answer.status for answer in answers] == [202, 503]
    with bench.platform.set_action(REACH, lambda _usual, _asked: False, by=Told()):
        assert not bench.platform.ask(waiting, answers.append).hang_up()
    bench.let_pass(1)
    of_told = [each for each in bench.log if each.request_id == told.request_id]
    assert [(each.event, each.status) for each in of_told if each.status is not None] == [
        (PlatformStep.ANSWERED, 503),
        (PlatformStep.UNHEARD, 200),
    ]
    assert PlatformStep.HUNG_UP not in {event.event for event in bench.log}


def test_what_the_api_would_have_refused_is_in_the_log() -> None:
    """Who hung up before that is not told; who reads along learns why nothing was made of it."""
    bench = PlatformBench(parameters=SLOW)
    leave(bench, "b-of-nobody", after_s=0.4)
    bench.let_pass(2)
    events = [event for event in bench.log if event.operation == "unlock"]
    assert [event.event for event in events] == ["requested", "hung_up", "unheard"]
    assert (events[-1].status, events[-1].problem) == (404, "booking-unknown")


@pytest.mark.parametrize(("first_s", "second_s"), [(0.3, 0.3), (1.5, 0.3), (0.3, 0.9), (None, 0.3)])
def test_whoever_leaves_when_each_request_of_a_key_names_its_command(
    first_s: float | None, second_s: float
) -> None:
    """Also where there was none yet when the client went; `None` waits to the end."""
    bench = PlatformBench(parameters=SLOW)
    booking_id = bench.book()
    with bench.box().modem.bearer.without_coverage(by=Told()):  # it answers later
        for after_s in (first_s, second_s):
            leave(bench, booking_id, after_s=after_s, key="k")
    bench.let_pass(30)
    (published,) = bench.published
    events = [event for event in bench.log if event.operation == "unlock"]
    named = {event.request_id for event in events if event.command_id == published.command_id}
    requests = [event for event in events if event.event is PlatformStep.REQUESTED]
    assert named == {event.request_id for event in requests}
    last = {event.request_id: event.event for event in events if event.status is not None}
    answered = PlatformStep.UNHEARD if first_s else PlatformStep.ANSWERED
    assert list(last.values()) == [answered, PlatformStep.UNHEARD]
    assert len({event.key_digest for event in requests}) == 1


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


def test_each_request_of_a_key_waits_as_long_as_it_asked(bench: PlatformBench) -> None:
    """Whatever the first has asked for, and whether that was answered already."""
    booking_id = bench.book()
    what: dict[str, Any] = {"booking_id": booking_id, "idempotency_key": "k"}
    with bench.box().modem.bearer.without_coverage(by=Told()):
        first = bench.ask(Operation.UNLOCK, wait_s=2, **what)
        longer = bench.ask(Operation.UNLOCK, wait_s=60, **what)
        at_once = bench.ask(Operation.UNLOCK, **what)
        bench.let_pass(3)
        later = bench.ask(Operation.UNLOCK, wait_s=60, **what)
        short = bench.ask(Operation.UNLOCK, wait_s=1, **what)
        bench.let_pass(2)
        assert [each[0].status for each in (first, at_once, short)] == [202, 202, 202]
        assert longer == later == []
    bench.let_pass(20)
    assert [each[0].body["state"] for each in (longer, later)] == ["executed", "executed"]
    assert bench.ask(Operation.UNLOCK, **what)[0].body["is_final"]
    assert len(bench.published) == 1


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
    sent = [dict(message.user_properties)["traceparent"] for message in bench.messages]
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
    assert bench.defects.count == 1
    bench.defects.count = 0
    assert bench.unlock(booking_id).status == 200


def test_too_much_to_do() -> None:
    """It says so instead of taking on more."""
    bench = PlatformBench(parameters=NULL_PLATFORM.model_copy(update={"max_open_commands": 1}))
    booking_id = bench.book()
    with bench.box().modem.bearer.without_coverage(by=Told()):
        bench.unlock(booking_id, wait_s=0)
        assert bench.unlock(booking_id).problem is problems.OVERLOADED


def test_bends_at_the_door_and_their_culprits(bench: PlatformBench) -> None:
    """Whoever changes what happens is told of which car, or which command."""
    booking_id, told = bench.book(), Told()
    with bench.platform.set_action(ADMISSION, lambda _why, _asked: problems.MAINTENANCE, by=told):
        answer = bench.unlock(booking_id, vehicle_id=CAR)
    assert answer.problem is problems.MAINTENANCE
    with bench.platform.set_action(
        ANSWER, lambda answer, _asked: Answer(status=500, body={"was": answer.status}), by=told
    ):
        assert bench.unlock(booking_id, vehicle_id=CAR).status == 500
    with bench.platform.set_action(LOOKUP, lambda usual_s, _asked: usual_s + 3, by=told):
        began_s = bench.env.now
        assert bench.unlock(booking_id, vehicle_id=CAR).status == 200
        assert bench.env.now >= began_s + 3
    command_id, slow_id = (command.command_id for command in bench.published)
    assert told.hits == [
        (CAR, "admission", None),
        (CAR, "answer", command_id),
        (CAR, "lookup", slow_id),
    ]


def test_a_request_that_does_not_get_through_is_in_no_log(bench: PlatformBench) -> None:
    """And it is never answered."""
    booking_id, told = bench.book(), Told()
    bench.log.clear()
    with bench.platform.set_action(REACH, lambda _is_reached, _asked: False, by=told):
        answers = bench.ask(Operation.UNLOCK, booking_id=booking_id, vehicle_id=CAR, wait_s=10)
        bench.let_pass(60)
    assert (answers, bench.log, bench.published) == ([], [], [])
    assert told.hits == [(CAR, "reach", None)]


def test_who_does_not_wait_for_the_car_is_answered_at_once(bench: PlatformBench) -> None:
    """Whatever the phone has asked for."""
    booking_id = bench.book()
    with bench.platform.set_action(PATIENCE, lambda _usual_s, _asked: 0.0, by=Told()):
        (answer,) = bench.ask(Operation.UNLOCK, booking_id=booking_id, wait_s=60)
    assert (answer.status, answer.body["is_final"]) == (202, False)


def test_a_late_copy_of_the_bookings(bench: PlatformBench) -> None:
    """It knows neither a new booking nor that one ends later; it is told of where it decides."""
    told = Told()
    booking_id = bench.book(for_s=100)
    with bench.platform.set_action(SYNC, lambda _usual_s, _asked: 20.0, by=told):
        bench.let_pass(10)
        refused = bench.unlock(booking_id, vehicle_id=CAR)
        assert refused.problem is problems.BOOKING_UNKNOWN
        bench.let_pass(80)
        assert bench.unlock(booking_id, vehicle_id=CAR).status == 200
        ends_at = bench.now + 1000
        bench.answer(Operation.EXTEND, booking_id=booking_id, ends_at=ends_at)
        bench.let_pass(15)
        assert bench.unlock(booking_id, vehicle_id=CAR).problem is problems.BOOKING_ENDED
        bench.let_pass(10)
        assert bench.unlock(booking_id, vehicle_id=CAR).status == 200
    assert told.hits == [(CAR, "sync", None)] * 2


def test_a_booking_that_is_overlooked_is_booked_over(bench: PlatformBench) -> None:
    """Only as long as the action says so; what comes of both bookings is its culprit's."""
    told = Told()
    first = bench.book()
    bench.let_pass(1)

    def overlook(ago_s: float | None, _asked: Request) -> float | None:
        return None if ago_s is not None and ago_s < 5 else ago_s

    with bench.platform.set_action(TAKEN, overlook, by=told):
        second = bench.book(customer="bert")
        bench.let_pass(10)
        late = bench.answer(
            Operation.BOOK, customer="carl", vehicle_id=CAR, ends_at=bench.now + 100
        )
    assert late.problem is problems.VEHICLE_TAKEN
    assert bench.unlock(first).status == 200
    assert bench.unlock(second, customer="bert").status == 200
    one, other = (command.command_id for command in bench.published)
    assert told.hits == [(CAR, "taken", None), (CAR, "taken", one), (CAR, "taken", other)]


def test_the_end_of_a_booking_waits_for_what_may_still_move_the_car() -> None:
    """An unlock that was sent to a car without coverage: only when its life is over."""
    bench = PlatformBench(box=NULL_BOX)
    booking_id, told = bench.book(), Told()
    with bench.box().modem.bearer.without_coverage(by=told):
        bench.unlock(booking_id, wait_s=0)
        ends = bench.ask(Operation.END, booking_id=booking_id)
        bench.let_pass(19)
        assert ends == []
        bench.let_pass(2)
        assert [answer.problem for answer in ends] == [problems.VEHICLE_BUSY]
        bench.let_pass(13)
        again = bench.ask(Operation.END, booking_id=booking_id)
        late = bench.ask(Operation.UNLOCK, booking_id=booking_id, wait_s=20)
        assert again == late == []
        bench.let_pass(2)
    assert [answer.body["state"] for answer in again] == ["ended"]
    assert [answer.problem for answer in late] == [problems.BOOKING_ENDED]
