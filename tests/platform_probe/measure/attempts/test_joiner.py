"""The joiner: one record for each unlock, whatever of it came, and when."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from fleet_wire.contract.attempt import (
    PROBE_STOPPED,
    Attempt,
    Flag,
    Origin,
    PlatformSide,
    Source,
    Stage,
)
from fleet_wire.contract.causes import Cause, Outcome
from fleet_wire.contract.platform_log import PlatformEvent
from platform_probe.measure.attempts import joiner as module
from platform_probe.measure.attempts.ended_attempt import EndedAttempt
from platform_probe.measure.attempts.joined_record import LEFT_UNANSWERED
from platform_probe.measure.attempts.log_time import STRANGE_LINES
from platform_probe.measure.attempts.platform_side import MAX_TOLD_OF
from tests.helpers.join_bench import LATE_S, WAIT_S, JoinBench, watching_bench
from tests.helpers.records import TRACE_ID
from tests.helpers.tracker_bench import CAR, DEADLINE_S, LATE_WINDOW_S, check_arithmetic

OTHER_TRACE = "1" * 32


def whole(bench: JoinBench, *, wait_for_result: bool = False) -> None:
    """Let an unlock go through the API and to the door, with every line at once."""
    bench.requested()
    bench.wait(0.5)
    if not wait_for_result:
        bench.answered(202, command_id="k1")
    bench.wait(0.25)
    bench.published()
    bench.seen()
    bench.accepted()
    bench.opens()
    bench.ended()
    if wait_for_result:
        bench.wait(0.25)
        bench.answered(200, command_id="k1")


def test_an_unlock_has_the_stages_of_both() -> None:
    """From the phone's request to the door, each stage has its time, and the hops add up."""
    bench = JoinBench()
    whole(bench)
    record = bench.only()
    check_arithmetic(record)
    assert record.outcome is Outcome.OK
    assert record.stages == {
        "intended": 0.0,
        "requested": 0.0,
        "api_answered": 0.5,
        "published": 0.75,
        "broker_accepted": 0.75,
        "box_received": pytest.approx(0.9625),
        "result_received": 1.25,
        "state_changed": 1.25,
    }
    assert record.hops_s["api_answered"] == 0.5
    assert (record.revision, record.sources_missing) == (1, ())
    assert record.booking_id == "b7"
    assert isinstance(record.platform, PlatformSide)
    assert record.platform.endpoint == "/unlock"
    assert record.platform.app_version == "5.1"
    assert record.platform.status == 202


def test_a_command_that_went_to_another_car_says_so() -> None:
    """The record is of the car that got it, and names the one that it was asked for."""
    for booked, named in (("car-of-anna", "car-of-anna"), (CAR, None)):
        bench = JoinBench()
        bench.requested(vehicle_id=booked)
        bench.published(vehicle_id=booked)
        bench.seen()
        bench.opens()
        bench.answered(200, vehicle_id=booked, command_id="k1")
        bench.ended(vehicle_id=booked)
        record = bench.only()
        assert record.vehicle_id == CAR
        assert isinstance(record.platform, PlatformSide)
        assert record.platform.vehicle_id == named


def test_an_api_that_answers_last_is_not_on_the_path() -> None:
    """Whoever waits for the result is answered behind the door: the hops before it stay theirs."""
    bench = JoinBench()
    whole(bench, wait_for_result=True)
    record = bench.only()
    assert record.stages[Stage.API_ANSWERED] == 1.5
    assert record.hops_s[Stage.API_ANSWERED] == 0.0
    assert record.total_s == 1.25
    assert sum(record.hops_s.values()) == pytest.approx(record.total_s)


@pytest.mark.parametrize(
    ("status", "problem", "cause"),
    [
        (400, "invalid-request", Cause.API_REFUSED),
        (403, "vehicle-not-booked", Cause.API_REFUSED),
        (429, None, Cause.API_REFUSED),
        (500, "internal-error", Cause.API_FAILED),
        (500, None, Cause.API_FAILED),
        (503, "broker-unavailable", Cause.BROKER_UNREACHABLE),
    ],
)
def test_what_the_api_turned_down_is_an_attempt(
    status: int, problem: str | None, cause: Cause
) -> None:
    """A request that never reached MQTT is judged at once, and misses nothing."""
    bench = JoinBench()
    bench.requested()
    bench.wait(0.25)
    bench.answered(status, problem)
    record = bench.only()
    check_arithmetic(record)
    assert record.cause is cause
    assert record.source is Source.CUSTOMER
    assert (record.command_id, record.vehicle_id, record.trace_id) == (None, CAR, TRACE_ID)
    assert list(record.stages) == ["intended", "requested", "api_answered"]
    assert record.sources_missing == ()
    assert record.reason == f"HTTP {status} {problem or ''}".rstrip()
    assert record.total_s == 0.25
    known = {"status": status, "problem": problem}
    assert record.evidence == {name: value for name, value in known.items() if value is not None}
    assert record.platform
    assert (record.platform.status, record.platform.problem) == (status, problem)


def test_the_api_may_say_more_than_a_type() -> None:
    """An exception's words stand behind the type; what a command ended with comes before both."""
    bench = JoinBench()
    bench.requested()
    bench.answered(500, "internal-error", reason="no room")
    assert bench.only().reason == "HTTP 500 internal-error: no room"
    bench.requested(request_id="r2", trace_id=OTHER_TRACE)
    bench.line("answered", status=500, command_id="k2", request_id="r2", trace_id=OTHER_TRACE)
    bench.ended("refused", "k2", reason="busy", request_id="r2", trace_id=OTHER_TRACE)
    bench.wait(DEADLINE_S + WAIT_S + 1)
    record = bench.records[-1]
    assert (record.reason, record.cause) == ("busy", Cause.BOX_BUSY)
    assert record.evidence == {"status": 500, "platform_outcome": "refused"}


def test_without_the_request_an_unlock_begins_when_it_was_published() -> None:
    """A platform may write no more than that: the way to us belongs to the unlock."""
    bench = JoinBench()
    for number in range(3):  # so that the clocks are known
        bench.published(f"q{number}", request_id=f"q{number}", trace_id=None, booking_id=None)
        bench.seen(f"q{number}", trace_id=None, booking_id="")
    bench.published()
    bench.wait(0.5)
    bench.seen()
    bench.opens()
    bench.ended()
    bench.wait(DEADLINE_S + WAIT_S + 1)
    (record,) = [one for one in bench.records if one.command_id == "k1"]
    assert record.total_s == 1.0
    assert (record.stages[Stage.REQUESTED], record.stages[Stage.PUBLISHED]) == (0.0, 0.0)


def test_a_command_that_was_seen_before_its_lines_is_found_by_its_car() -> None:
    """Lines without ids that come late, before the unlock is judged: still one record."""
    bench = JoinBench()
    lines = [
        bench.event("requested", trace_id=None),
        bench.event("answered", trace_id=None, status=202),
    ]
    bench.wait(0.5)
    bench.seen(trace_id=None)
    bench.opens()
    ended_at = bench.platform_at - 0.1  # so that what the log says is judged first
    lines.append(bench.event("ended", trace_id=None, outcome="executed", at=ended_at))
    for line in lines:
        bench.joiner.take_event(line)
    bench.wait(DEADLINE_S + WAIT_S + 1)
    assert bench.only().sources_missing == ()


def test_what_the_api_never_answered_has_failed() -> None:
    """Without an answer it is judged when the log has gone on, and took the customer's patience."""
    bench = JoinBench()
    bench.requested()
    bench.wait(DEADLINE_S + LATE_S)
    assert bench.records == []
    bench.requested(request_id="r2", trace_id=OTHER_TRACE, vehicle_id="another")
    record = bench.only()
    assert record.cause is Cause.API_FAILED
    assert record.total_s == DEADLINE_S
    assert record.hops_s[Stage.API_ANSWERED] == DEADLINE_S


def test_a_yes_without_a_command_is_not_published() -> None:
    """The API said 202, and nothing was ever sent."""
    bench = JoinBench()
    bench.requested()
    bench.answered(202)
    bench.wait(DEADLINE_S + WAIT_S + 1)
    record = bench.only()
    assert record.cause is Cause.NOT_PUBLISHED
    assert record.hops_s == {"requested": 0.0, "api_answered": 0.0, "published": DEADLINE_S}


def test_a_platform_that_says_that_it_did_not_publish_is_believed() -> None:
    """It need not be waited for."""
    bench = JoinBench()
    bench.requested()
    bench.answered(202, command_id="k1")
    bench.ended("not_published", reason="no room in the queue")
    record = bench.only()
    assert (record.cause, record.reason) == (Cause.NOT_PUBLISHED, "no room in the queue")


@pytest.mark.parametrize(
    ("reason", "cause"),
    [
        ("asleep", Cause.BOX_ASLEEP),
        ("booking_ended", Cause.API_REFUSED),
        ("denied: MQTT reason code 135", Cause.BROKER_DENIED),
        ("no_connection: refused", Cause.BROKER_UNREACHABLE),
        ("no_subscriber", Cause.NO_SUBSCRIBER),
        ("waited_too_long", Cause.NOT_PUBLISHED),
        (None, Cause.NOT_PUBLISHED),
    ],
)
def test_why_a_command_was_not_published(reason: str | None, cause: Cause) -> None:
    """The platform says so after a while; until then its customer waits."""
    bench = JoinBench()
    bench.requested()
    bench.answered(202, command_id="k1")
    bench.wait(3.0)
    bench.ended("not_published", reason=reason)
    record = bench.only()
    assert (record.cause, record.total_s) == (cause, 3.0)
    check_arithmetic(record)


def test_the_platforms_word_counts_where_mqtt_is_missing() -> None:
    """A monitor that follows the log alone has attempts too, and they say what was missing."""
    bench = JoinBench()
    bench.requested()
    bench.published()
    bench.accepted()
    bench.wait(1.0)
    bench.ended("executed")
    bench.answered(200, command_id="k1")
    bench.wait(WAIT_S + 1)
    record = bench.only()
    assert record.outcome is Outcome.OK
    assert record.sources_missing == (Origin.MQTT,)
    assert record.stages[Stage.RESULT_RECEIVED] == 1.0


@pytest.mark.parametrize(
    ("outcome", "reason", "cause"),
    [
        ("refused", "busy", Cause.BOX_BUSY),
        ("refused", "no idea", Cause.UNCLASSIFIED),
        ("expired", None, Cause.NOT_OBSERVED),
    ],
)
def test_other_words_of_the_platform(outcome: str, reason: str | None, cause: Cause) -> None:
    """A refusal has the box's reason; of what it gave up on nobody knows more."""
    bench = JoinBench()
    bench.requested()
    bench.accepted()
    bench.ended(outcome, reason=reason)
    bench.wait(WAIT_S + DEADLINE_S + 1)
    assert bench.only().cause is cause


def test_mqtt_alone_misses_the_platform() -> None:
    """Without a line the attempt is what MQTT tells, and says so."""
    bench = JoinBench()
    bench.seen()
    bench.opens()
    bench.wait(WAIT_S - 1)
    assert bench.records == []
    bench.wait(1.5)
    record = bench.only()
    assert record.sources_missing == (Origin.PLATFORM,)
    assert record.total_s == 0.5
    assert not record.platform


def test_a_log_that_has_gone_on_is_not_waited_for() -> None:
    """The watermark is the log's own time: newer lines say that the old ones have come."""
    bench = JoinBench()
    bench.seen()
    bench.opens()
    bench.wait(LATE_S)
    bench.requested(request_id="r2", trace_id=OTHER_TRACE, vehicle_id="another")
    assert bench.only().sources_missing == (Origin.PLATFORM,)


def test_late_lines_make_a_revision() -> None:
    """A log that is shipped minutes late corrects what was judged without it."""
    bench = JoinBench()
    lines = [bench.event("requested"), bench.event("answered", status=202, command_id="k1")]
    bench.seen()
    bench.opens()
    lines.append(bench.event("ended", outcome="executed", command_id="k1"))
    bench.wait(WAIT_S + 1)
    for line in lines:
        bench.joiner.take_event(line)
    bench.wait(WAIT_S + 1)
    first, second = bench.records
    assert (first.revision, second.revision) == (1, 2)
    assert first.attempt_id == second.attempt_id
    assert second.sources_missing == ()
    assert Stage.API_ANSWERED in second.stages
    assert not second.is_first
    assert bench.joiner.counts.revisions == 1


def test_a_command_that_comes_after_the_judgement_makes_a_revision() -> None:
    """The unlock keeps its id, whichever source told of it first."""
    bench = JoinBench()
    bench.requested()
    bench.accepted()
    bench.answered(202, command_id="k1")
    bench.wait(DEADLINE_S + WAIT_S + 1)
    bench.seen()
    bench.opens()
    bench.ended()
    first, second = bench.records
    assert (first.cause, second.cause) == (Cause.NOT_OBSERVED, None)
    assert first.attempt_id == second.attempt_id
    assert (first.sources_missing, second.sources_missing) == ((Origin.MQTT,), ())


def test_two_records_that_prove_to_be_one_unlock() -> None:
    """What has been written twice is withdrawn once, by name."""
    bench = JoinBench()
    bench.requested(trace_id=None, booking_id="another")
    bench.answered(202, trace_id=None)
    bench.seen(trace_id=None)
    bench.opens()
    bench.wait(DEADLINE_S + WAIT_S + 1)
    assert len(bench.last()) == 2
    bench.ended(trace_id=None)
    bench.wait(WAIT_S + 1)
    (record,) = bench.last().values()
    assert record.outcome is Outcome.OK
    assert record.platform
    withdrawn = [record for record in bench.records if record.same_as]
    assert [one.same_as for one in withdrawn] == [record.attempt_id]


def test_lines_that_come_twice_change_nothing() -> None:
    """At least once is the promise of most that ships logs."""
    bench = JoinBench()
    lines = [bench.event("requested"), bench.event("answered", status=403)]
    for line in lines * 3:
        bench.joiner.take_event(line)
    bench.wait(WAIT_S + 1)
    assert bench.only().revision == 1


def test_lines_without_ids_are_joined_by_car_and_booking() -> None:
    """A platform that knows neither traces nor command ids can be followed all the same."""
    bench = JoinBench()
    bench.requested(trace_id=None)
    bench.answered(202, trace_id=None)
    bench.wait(0.5)
    bench.seen(trace_id=None)
    bench.opens()
    bench.wait(DEADLINE_S + WAIT_S + 1)
    record = bench.only()
    assert record.outcome is Outcome.OK
    assert record.total_s == 1.0
    assert record.sources_missing == ()
    assert record.trace_id == record.attempt_id


@pytest.mark.parametrize("at_once", [True, False])
def test_where_the_wire_names_no_trace_the_log_does(*, at_once: bool) -> None:
    """Before or after it was judged: what somebody named takes the place of the made-up one."""
    bench = JoinBench()
    if at_once:
        bench.requested()
        bench.answered(202)
    bench.wait(0.5)
    bench.seen(trace_id=None)
    bench.opens()
    bench.wait(DEADLINE_S + WAIT_S + 1)
    if not at_once:
        assert bench.only().trace_id == bench.only().attempt_id
        bench.published()
        bench.ended()
        bench.wait(WAIT_S + 1)
    record = bench.records[-1]
    assert record.trace_id == TRACE_ID
    assert record.attempt_id == bench.records[0].attempt_id != TRACE_ID
    assert record.parent_span_id is None


def test_another_booking_is_another_unlock() -> None:
    """The same car, and nothing else in common: the request led to nothing."""
    bench = JoinBench()
    bench.requested(trace_id=None, booking_id="b8")
    bench.seen(trace_id=None)
    bench.opens()
    bench.wait(DEADLINE_S + WAIT_S + 1)
    assert {record.cause for record in bench.records} == {None, Cause.API_FAILED}


def test_a_retry_of_the_phone_is_the_same_unlock() -> None:
    """Two requests led to one command: the first one counts, and the answer that was good."""
    bench = JoinBench()
    bench.requested()
    bench.answered(504, "vehicle-silent", command_id="k1")
    bench.wait(1.0)
    bench.requested(request_id="r2")
    bench.published(request_id="r1")
    bench.seen()
    bench.accepted()
    bench.opens()
    bench.answered(200, request_id="r2", command_id="k1")
    bench.ended()
    record = bench.only()
    assert record.platform
    assert (record.platform.requests, record.platform.status) == (2, 200)
    assert record.total_s == 1.5


@pytest.mark.parametrize("after_s", [0.1, 28.0])
def test_a_repeat_with_a_trace_of_its_own_is_the_same_unlock(after_s: float) -> None:
    """An idempotency key is answered with the command that there is: nothing more is sent."""
    bench = JoinBench()
    whole(bench, wait_for_result=True)
    bench.wait(after_s)
    bench.requested(request_id="r2", trace_id=OTHER_TRACE)
    bench.answered(200, request_id="r2", trace_id=OTHER_TRACE, command_id="k1")
    bench.wait(WAIT_S + DEADLINE_S + 1)
    (record,) = bench.last().values()
    assert {one.outcome for one in bench.records} == {Outcome.OK}
    assert record.platform
    assert (record.platform.requests, record.platform.status) == (2, 200)
    assert (record.trace_id, record.total_s) == (TRACE_ID, 1.25)


@pytest.mark.parametrize("seed", range(40))
def test_two_commands_of_one_trace_are_two_unlocks_in_whatever_order_the_log_comes(
    seed: int,
) -> None:
    """Somebody who presses twice, and whose app names one trace for both: each has its own times.

    With seed 0 the lines come as they are written, else late and in any order, some twice.
    """
    bench = JoinBench()
    lines: list[PlatformEvent] = []

    def line(step: str, number: int, **changes: Any) -> None:
        lines.append(bench.event(step, request_id=f"r{number}", **changes))
        if seed == 0:
            bench.joiner.take_event(lines[-1])

    line("requested", 1)
    bench.wait(0.1)
    line("requested", 2)
    for number in (1, 2):
        command_id = f"k{number}"
        bench.wait(0.1)
        line("published", number, command_id=command_id)
        bench.seen(command_id)
        line("accepted", number, command_id=command_id)
        bench.opens(command_id)
        line("ended", number, command_id=command_id, outcome="executed")
        line("answered", number, command_id=command_id, status=200)
    if seed:
        lines += lines[::3]
        Random(seed).shuffle(lines)  # noqa: S311
        for event in lines:
            bench.joiner.take_event(event)
    bench.wait(WAIT_S + DEADLINE_S + 1)
    first, second = sorted(bench.last().values(), key=lambda one: one.total_s)
    assert (first.command_id, second.command_id) == ("k1", "k2")
    assert (first.total_s, second.total_s) == (0.7, 1.2)
    for record in (first, second):
        check_arithmetic(record)
        assert record.platform
        assert (record.platform.requests, record.platform.status) == (1, 200)
        assert record.stages["api_answered"] == record.platform.ended_s == record.total_s


def test_who_hangs_up_is_not_waited_for() -> None:
    """The record is there when the command has ended, and says so; nothing was answered."""
    bench = JoinBench()
    bench.requested()
    bench.published()
    bench.seen()
    bench.accepted()
    bench.line("hung_up", command_id="k1")
    bench.opens()
    bench.ended()
    record = bench.only()
    assert (record.outcome, record.flags, record.sources_missing) == (Outcome.OK, (), ())
    assert Stage.API_ANSWERED not in record.stages
    assert record.platform
    assert (record.platform.hung_up_s, record.platform.status) == (0.0, None)
    check_arithmetic(record)


def test_who_asks_again_after_hanging_up_is_waited_for() -> None:
    """The second request is answered still; that the first was left stays in the record."""
    bench = JoinBench()
    bench.requested()
    bench.published()
    bench.seen()
    bench.accepted()
    bench.wait(0.5)
    bench.line("hung_up", command_id="k1")
    bench.requested(request_id="r2")
    bench.opens()
    bench.ended()
    assert bench.records == []
    bench.answered(200, request_id="r2", command_id="k1")
    record = bench.only()
    assert record.platform
    assert (record.platform.requests, record.platform.status) == (2, 200)
    assert record.platform.hung_up_s == 0.5


def test_when_the_last_who_waited_goes_nobody_is_waited_for() -> None:
    """The first had gone before, and the command has ended: the record is there at once."""
    bench = JoinBench()
    bench.requested()
    bench.line("hung_up")
    bench.requested(request_id="r2")
    bench.published()
    bench.seen()
    bench.opens()
    bench.ended()
    assert bench.records == []
    bench.line("hung_up", request_id="r2", command_id="k1")
    record = bench.only()
    assert record.platform
    assert (record.platform.requests, record.platform.hung_up_s) == (2, 0.0)


def test_what_was_left_may_still_be_done() -> None:
    """A client that goes before there is a command says nothing of how it ends."""
    bench = JoinBench()
    bench.requested()
    bench.line("hung_up")
    bench.wait(2.0)
    assert bench.records == []
    bench.published()
    bench.seen()
    bench.accepted()
    bench.opens()
    bench.ended()
    assert bench.only().outcome is Outcome.OK


def test_who_goes_before_there_is_a_command_is_named_as_the_reason() -> None:
    """The platform has not answered, and there was nobody to answer to any more."""
    bench = JoinBench()
    bench.requested()
    bench.wait(0.5)
    bench.line("hung_up")
    bench.wait(WAIT_S + DEADLINE_S + 1)
    record = bench.only()
    assert (record.cause, record.reason) == (Cause.API_FAILED, LEFT_UNANSWERED)


def test_what_was_refused_after_its_client_had_gone_is_a_refusal() -> None:
    """The platform says in its log what it would have answered: it is judged at once, as that."""
    bench = JoinBench()
    bench.requested()
    bench.wait(0.5)
    bench.line("hung_up")
    bench.wait(0.5)
    assert bench.records == []
    bench.line("unheard", status=404, problem="booking-unknown")
    record = bench.only()
    assert (record.outcome, record.cause) == (Outcome.REFUSED, Cause.API_REFUSED)
    assert record.reason == "HTTP 404 booking-unknown"
    assert (record.total_s, record.stages) == (1.0, {"intended": 0.0, "requested": 0.0})
    check_arithmetic(record)
    assert record.platform
    assert (record.platform.status, record.platform.problem) == (404, "booking-unknown")
    assert record.platform.hung_up_s == 0.5


@pytest.mark.parametrize("status", [200, 202, 504])
def test_what_was_left_and_sent_ends_as_its_command(status: int) -> None:
    """Nobody heard what the API would have said of it, and nobody was told otherwise."""
    bench = JoinBench()
    whole(bench, wait_for_result=True)
    expected = bench.only()
    bench = JoinBench()
    bench.requested()
    bench.wait(0.75)
    bench.published()
    bench.seen()
    bench.accepted()
    bench.line("hung_up", command_id="k1")
    bench.opens()
    bench.ended()
    bench.line("unheard", command_id="k1", status=status)
    bench.wait(WAIT_S + DEADLINE_S + 1)
    record = bench.only()  # and no second one for what nobody heard
    assert (record.outcome, record.total_s) == (expected.outcome, expected.total_s)
    assert record.flags == ()
    assert record.platform
    assert record.platform.status is None


def test_an_answer_that_was_heard_goes_before_one_that_was_not() -> None:
    """Of two requests for one unlock only the second waited: what it was told stands."""
    bench = JoinBench()
    bench.requested()
    bench.line("hung_up")
    bench.requested(request_id="r2")
    bench.line("unheard", status=404, problem="booking-unknown")
    bench.answered(429, "too-many-requests", request_id="r2")
    record = bench.only()
    assert record.platform
    assert (record.platform.status, record.platform.requests) == (429, 2)


def test_requests_with_one_key_for_one_car_are_one_unlock() -> None:
    """Each with a trace of its own, and of none was a command made; another car's is its own."""
    bench = JoinBench()
    for number, car in enumerate((CAR, CAR, "another", CAR)):
        name = {"request_id": f"r{number}", "trace_id": f"{number:032}", "key_digest": "d"}
        bench.requested(**name, vehicle_id=car)
        bench.answered(404, "booking-unknown", **name, vehicle_id=car)
        bench.wait(1.0)
    bench.wait(WAIT_S + 1)
    requests = {
        record.vehicle_id: record.platform.requests
        for record in bench.last().values()
        if record.platform
    }
    assert requests == {CAR: 3, "another": 1}
    bench.wait(LATE_WINDOW_S)
    assert bench.joiner._index._by_key == {}  # and nothing is kept of what is forgotten


def test_a_phone_that_tries_again_after_all_was_said_is_counted() -> None:
    """It gets the answer that it had, so nothing else is new; as long as the unlock is known."""
    bench = JoinBench()
    whole(bench)
    first = bench.only()
    bench.wait(30.0)
    bench.requested(request_id="r2")
    bench.answered(200, request_id="r2")
    bench.wait(LATE_WINDOW_S - LATE_S)
    bench.requested(request_id="r3")
    bench.answered(200, request_id="r3")
    second, third = bench.records[1:]
    requests = [one.platform.requests for one in (first, second, third) if one.platform]
    assert requests == [1, 2, 3]
    assert (second.revision, third.revision) == (2, 3)
    assert second.stages == third.stages == first.stages


def test_a_phone_that_asks_without_end_does_not_make_records_without_end() -> None:
    """They are counted all the same, with what is new next."""
    bench = JoinBench()
    whole(bench)
    for number in range(2 * MAX_TOLD_OF):
        bench.requested(request_id=f"again-{number}")
    assert len(bench.records) == MAX_TOLD_OF
    bench.published()
    bench.wait(DEADLINE_S + WAIT_S + 1)
    record = bench.records[-1]
    assert record.platform
    assert record.platform.requests == 2 * MAX_TOLD_OF + 1


def test_a_command_that_the_platform_sends_again_is_counted() -> None:
    """With the same id; a line that comes twice is one, and another command is another."""
    bench = JoinBench()
    whole(bench)
    first = bench.only()
    bench.wait(8.0)
    for _ in range(2):
        bench.published()
    bench.published(command_id="k2")
    bench.wait(DEADLINE_S + WAIT_S + 1)
    (record,) = bench.last().values()
    assert first.platform
    assert record.platform
    assert (first.platform.sent_again, record.platform.sent_again) == (0, 1)
    assert record.stages == first.stages


@pytest.mark.parametrize("status", [400, 500])
def test_a_customer_who_was_told_no_beside_an_open_car(status: int) -> None:
    """The car opened, and the API said that it did not: an oddity that support must see."""
    bench = JoinBench()
    bench.requested()
    bench.published()
    bench.seen()
    bench.opens()
    bench.ended()
    bench.answered(status, "internal-error", command_id="k1")
    record = bench.only()
    assert record.outcome is Outcome.OK
    assert record.flags == (Flag.TOLD_OTHERWISE,)
    assert record.platform
    assert record.platform.problem == "internal-error"


def test_a_car_that_was_woken() -> None:
    """That the platform woke it is told, and when."""
    bench = JoinBench()
    bench.requested()
    bench.wait(0.5)
    bench.line("woken")
    bench.wait(10)
    bench.published()
    bench.seen()
    bench.opens()
    bench.ended()
    bench.answered(200, command_id="k1")
    record = bench.only()
    assert record.flags == (Flag.WOKEN,)
    assert record.platform
    assert record.platform.woken_s == 0.5
    assert record.total_s == 11.0


def test_a_car_that_was_only_woken() -> None:
    """A log of which one line is left: the unlock began then, as far as anybody knows."""
    bench = JoinBench()
    bench.requested(request_id="r0", operation="lock")
    bench.wait(DEADLINE_S + LATE_S)  # what is older may be an earlier process's
    bench.line("woken")
    bench.ended("not_published", None, reason="asleep")
    bench.wait(DEADLINE_S + WAIT_S + 1)
    record = bench.only()
    assert (record.cause, record.stages) == (
        Cause.BOX_ASLEEP,
        {"intended": 0.0, "requested": 0.0},
    )


def test_clocks_that_differ_are_not_mixed_into_durations() -> None:
    """An hour between the clocks changes no hop; it is in the record, with what it may be off."""
    bench = JoinBench(ahead_s=3600.0)
    whole(bench)
    record = bench.only()
    assert record.total_s == pytest.approx(1.25)
    assert record.platform
    assert record.platform.clock_ahead_s == pytest.approx(3600.0)
    assert record.platform.clock_uncertainty_s == 0.0
    assert record.platform.hops_across == ("box_received",)


def test_the_probes_end_judges_all() -> None:
    """What waits when the monitor stops is written."""
    bench = JoinBench()
    bench.requested()
    bench.seen()
    bench.behind.tracker.interrupt()
    bench.joiner.flush()
    record = bench.only()
    assert record.cause is Cause.NOT_OBSERVED
    assert len(bench.joiner) == 0
    assert bench.joiner.next_s() is None


def stopped(bench: JoinBench) -> list[Attempt]:
    """Stop a monitor, and return what it has written of what was under way."""
    bench.behind.tracker.interrupt()
    bench.joiner.flush()
    return [one for one in bench.records if one.reason == PROBE_STOPPED]


def test_what_the_platform_is_at_when_the_monitor_stops_is_not_judged() -> None:
    """An API that has not answered yet has not failed, and what it accepted may still be sent."""
    bench = JoinBench()
    bench.requested()
    bench.requested(request_id="r2", trace_id=OTHER_TRACE, vehicle_id="car-2")
    bench.wait(0.25)
    bench.answered(202, request_id="r2", trace_id=OTHER_TRACE, vehicle_id="car-2")
    cut_short = stopped(bench)
    assert [one.cause for one in cut_short] == [Cause.NOT_OBSERVED] * 2
    assert [one.outcome for one in cut_short] == [Outcome.UNKNOWN] * 2


def test_what_the_platform_had_given_up_is_judged_when_the_monitor_stops() -> None:
    """A request that was turned down, or never answered, has failed whatever comes."""
    bench = JoinBench()
    bench.requested()
    bench.wait(DEADLINE_S + LATE_S)
    bench.requested(request_id="r2", trace_id=OTHER_TRACE, vehicle_id="car-2")
    bench.line("answered", request_id="r2", trace_id=OTHER_TRACE, vehicle_id="car-2", status=403)
    assert stopped(bench) == []
    assert {one.cause for one in bench.records} == {Cause.API_FAILED, Cause.API_REFUSED}


def test_all_that_has_a_record_is_known_while_its_lines_come_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However many: after a kill none is judged once more, and then they are forgotten as ever."""
    monkeypatch.setattr(module, "MAX_REVISABLE", 2)
    before = JoinBench()
    names = [
        {"request_id": f"r{number}", "trace_id": f"{number:032x}", "vehicle_id": f"car-{number}"}
        for number in range(6)
    ]
    for name in names:
        before.requested(**name)
        before.answered(403, "booking-of-another", **name)
    assert len(before.records) == len(names)
    bench = JoinBench()
    bench.joiner.is_catching_up = True
    bench.joiner.take_up_again(before.records)
    bench.joiner.take_up(before.records[-3:])
    bench.joiner.tick()
    for name in names:
        bench.requested(**name)
        bench.answered(403, "booking-of-another", **name)
    bench.joiner.caught_up()
    assert bench.records == []
    assert len(bench.joiner._judged) == 2


def test_what_was_cut_short_is_one_unlock_with_what_the_next_process_sees_of_it() -> None:
    """The platform sends its command after the restart: the car opens, which is a revision."""
    before = JoinBench()
    before.requested(account_id="anna")
    (cut_short,) = stopped(before)
    bench = JoinBench()
    bench.joiner.take_up([cut_short])
    bench.wait(5.0)
    bench.published()
    bench.seen()
    bench.opens()
    bench.ended()
    bench.wait(WAIT_S + DEADLINE_S)
    last = bench.records[-1]
    assert {one.attempt_id for one in bench.records} == {cut_short.attempt_id}
    assert (last.outcome, last.revision, last.started_at) == (Outcome.OK, 2, cut_short.started_at)
    assert last.platform
    assert last.platform.account_id == "anna"
    assert last.stages["published"] == pytest.approx(5.0)


@pytest.mark.parametrize(
    ("outcome", "cause", "reason"),
    [("executed", None, None), ("expired", Cause.NOT_OBSERVED, PROBE_STOPPED)],
)
@pytest.mark.parametrize("is_sent", [True, False], ids=["sent before", "sent meanwhile"])
def test_the_platforms_word_of_what_was_cut_short_is_taken(
    outcome: str, cause: Cause | None, reason: str | None, *, is_sent: bool
) -> None:
    """Its end comes in the log alone; that a line is missing from it says nothing."""
    before = JoinBench()
    before.requested()
    if is_sent:
        before.published()
        before.seen()
        before.accepted()
    (cut_short,) = stopped(before)
    assert cut_short.cause is Cause.NOT_OBSERVED
    bench = JoinBench()
    bench.joiner.take_up([cut_short])
    bench.wait(2.0)
    bench.ended(outcome)
    bench.wait(WAIT_S + DEADLINE_S)
    (revised,) = bench.records
    assert (revised.attempt_id, revised.revision) == (cut_short.attempt_id, 2)
    assert (revised.cause, revised.reason) == (cause, reason)
    assert revised.evidence.items() >= cut_short.evidence.items()
    assert revised.evidence["platform_outcome"] == outcome


def test_what_we_did_not_see_ends_as_the_platform_says() -> None:
    """A monitor that was cut off has the platform's word."""
    bench = JoinBench()
    bench.requested()
    bench.published()
    bench.seen()
    bench.behind.tracker.broker_lost("gone")
    bench.wait(2.0)
    bench.ended("executed")
    bench.answered(200, command_id="k1")
    bench.wait(DEADLINE_S)
    record = bench.only()
    assert (record.outcome, record.sources_missing) == (Outcome.OK, (Origin.MQTT,))
    assert record.total_s == 2.0


def test_other_operations_are_no_unlocks() -> None:
    """A lock, a booking: nothing is recorded."""
    bench = JoinBench()
    bench.requested(operation="lock")
    bench.answered(403, operation="lock")
    bench.wait(DEADLINE_S + WAIT_S + 1)
    assert bench.records == []


def test_lines_that_are_out_of_time_are_passed_over() -> None:
    """A file that is read again from its beginning is no new customer."""
    bench = JoinBench()
    old = bench.event("requested", request_id="r0")
    bench.behind.clock.wall_s += LATE_WINDOW_S + 1
    bench.requested(operation="lock")
    bench.joiner.take_event(old)
    assert bench.joiner.out_of_time == 1
    assert len(bench.joiner) == 0


@given(st.randoms(use_true_random=False), st.integers(0, 8))
def test_the_order_in_which_all_comes_does_not_matter(order: Random, twice: int) -> None:
    """Lines and attempts in any order, some of them twice: the same records in the end."""
    told = observations(JoinBench())
    expected = judged(told)
    shuffled = told + [one for one in told[:twice] if isinstance(one, PlatformEvent)]
    order.shuffle(shuffled)
    assert judged(shuffled) == expected


@given(st.randoms(use_true_random=False), st.sampled_from(["d", None]))
def test_whatever_the_order_the_requests_of_a_key_are_one_unlock(
    order: Random, key: str | None
) -> None:
    """Also where each client has gone, and where the log knows no keys: the last lines say it."""
    told = left_observations(JoinBench(), key)
    order.shuffle(told)
    bench = JoinBench()
    for one in told:
        if isinstance(one, PlatformEvent):
            bench.joiner.take_event(one)
        else:
            bench.joiner.take_attempt(one)
        bench.wait(order.choice([0.0, LATE_S]))
    bench.joiner.flush()
    (record,) = bench.last().values()
    assert (record.command_id, record.outcome) == ("k1", Outcome.OK)
    assert record.platform
    assert (record.platform.requests, record.platform.status) == (3, None)


def left_observations(bench: JoinBench, key: str | None) -> list[PlatformEvent | EndedAttempt]:
    """Return what happens where a phone asks three times with a key, and waits for nothing."""
    told: list[PlatformEvent | EndedAttempt] = []
    bench.behind.tracker.to_join = told.append
    names = [
        {"request_id": f"r{number}", "trace_id": f"{number:032}", "key_digest": key}
        for number in range(3)
    ]
    for name in names:
        told.append(bench.event("requested", **name))
        bench.wait(0.25)
        told.append(bench.event("hung_up", **name))
    told.append(bench.event("published", request_id="r0", trace_id="0" * 32, command_id="k1"))
    bench.seen(trace_id="0" * 32)
    bench.opens()
    told.append(bench.event("ended", request_id="r0", command_id="k1", outcome="executed"))
    told += [bench.event("unheard", status=200, command_id="k1", **name) for name in names]
    return told


def observations(bench: JoinBench) -> list[PlatformEvent | EndedAttempt]:
    """Return what happens at one car: refused, opened after a retry, seen on MQTT alone."""
    told: list[PlatformEvent | EndedAttempt] = []
    bench.behind.tracker.to_join = told.append
    refused = {"request_id": "r0", "trace_id": OTHER_TRACE}
    told += [bench.event("requested", **refused), bench.event("answered", status=403, **refused)]
    bench.wait(1.0)
    told.append(bench.event("requested"))
    bench.wait(1.0)
    told.append(bench.event("requested", request_id="r2"))
    told.append(bench.event("published", command_id="k1"))
    bench.seen()
    told.append(bench.event("accepted", command_id="k1"))
    bench.opens()
    told.append(bench.event("ended", command_id="k1", outcome="executed"))
    told.append(bench.event("answered", command_id="k1", status=200, request_id="r2"))
    bench.wait(1.0)
    bench.seen("k2", trace_id="3" * 32)
    bench.opens("k2")
    return told


def judged(told: list[PlatformEvent | EndedAttempt]) -> list[tuple[object, ...]]:
    """Return what counts of the records in the end, but for their ids and the clocks' offset."""
    bench = JoinBench()
    for one in told:
        if isinstance(one, PlatformEvent):
            bench.joiner.take_event(one)
        else:
            bench.joiner.take_attempt(one)
    bench.joiner.flush()
    on_mqtt = sum(isinstance(one, EndedAttempt) for one in told)
    assert on_mqtt + bench.joiner.counts.only_platform == len(bench.last())
    return sorted(
        (record.command_id or "", str(record.cause), tuple(record.stages), record.sources_missing)
        for record in bench.last().values()
    )


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest is judged where too many wait, and forgotten where too many were judged."""
    monkeypatch.setattr(module, "MAX_WAITING", 3)
    monkeypatch.setattr(module, "MAX_REVISABLE", 2)
    bench = JoinBench()
    for number in range(6):
        bench.requested(request_id=f"r{number}", trace_id=f"{number:032}", vehicle_id=f"v{number}")
        bench.joiner.tick()
    assert len(bench.joiner) == 3
    assert [record.vehicle_id for record in bench.records] == ["v0", "v1", "v2"]
    bench.requested(request_id="r0", trace_id="0" * 32, vehicle_id="v0")
    bench.joiner.flush()
    assert [record.revision for record in bench.records] == [1] * 7


def test_the_queue_does_not_grow_with_what_is_judged() -> None:
    """Entries of unlocks that were judged early are taken out."""
    bench = JoinBench()
    for number in range(5_000):
        name = {"request_id": f"r{number}", "trace_id": f"{number:032}"}
        bench.requested(**name)
        bench.answered(403, **name)
    assert len(bench.records) == 5_000
    assert len(bench.joiner._due) <= 2 * module._STALE


@pytest.mark.parametrize(("is_mine", "written"), [(True, 1), (False, 0)])
def test_what_only_the_log_tells_is_counted_by_one_monitor(*, is_mine: bool, written: int) -> None:
    """Which one says the group."""
    bench = JoinBench(is_ours=lambda _: is_mine)
    bench.requested()
    bench.answered(403)
    assert len(bench.records) == written


@pytest.mark.parametrize(
    ("names", "key"),
    [
        ({}, CAR),
        ({"vehicle_id": None}, TRACE_ID),
        ({"vehicle_id": None, "trace_id": None}, "r1"),
    ],
)
def test_whose_it_is_says_its_car_or_else_what_else_is_known(
    names: dict[str, str | None], key: str
) -> None:
    """So that all monitors ask by the same, and a car's unlocks stand beside each other."""
    asked: list[str] = []

    def is_ours(each: str) -> bool:
        asked.append(each)
        return True

    bench = JoinBench(is_ours=is_ours)
    bench.wait(DEADLINE_S + 1)
    bench.requested(**names)
    bench.answered(403, **names)
    assert bench.only().cause is Cause.API_REFUSED
    assert asked == [key]


def test_what_was_counted_once_stays_ours() -> None:
    """Another monitor may have come meanwhile: it has not seen the first judgement."""
    owners = [True, False]
    bench = JoinBench(is_ours=lambda _: owners.pop(0))
    bench.requested()
    bench.answered(403)
    bench.line("woken")
    bench.wait(WAIT_S + 1)
    assert [record.revision for record in bench.records] == [1, 2]


def test_a_command_that_another_monitor_has_is_left_to_it() -> None:
    """The broker took it, and gave it to somebody else: late lines make no record of it either."""
    bench = JoinBench(is_ours=lambda _: True)
    bench.requested()
    bench.published()
    bench.wait(DEADLINE_S + WAIT_S + 1)
    assert bench.records == []
    bench.accepted()
    bench.ended()
    bench.wait(WAIT_S + 1)
    assert bench.records == []


def test_a_command_that_the_broker_did_not_take_has_come_to_no_monitor() -> None:
    """Where the platform logs PUBACKs, a missing one says so."""
    bench = JoinBench(is_ours=lambda _: True)
    bench.accepted(request_id="r0", trace_id=OTHER_TRACE, vehicle_id="another", operation="lock")
    bench.requested()
    bench.published()
    bench.wait(DEADLINE_S + WAIT_S + 1)
    assert bench.only().cause is Cause.BROKER_UNREACHABLE


def test_the_rest_of_what_began_before_us_is_an_earlier_monitors() -> None:
    """A monitor that is started anew finds answers to requests that it has not seen."""
    bench = JoinBench()
    bench.ended()
    bench.answered(200, command_id="k1")
    bench.wait(DEADLINE_S + WAIT_S + 1)
    assert bench.records == []
    bench.ended(command_id="k2", request_id="r2", trace_id=OTHER_TRACE)
    bench.wait(DEADLINE_S + WAIT_S + 1)
    assert bench.only().outcome is Outcome.OK


def test_an_answer_is_enough_for_a_record() -> None:
    """What is turned down before it is read may have no more: it counts for the car that it names.

    In a monitor's first seconds that may be the rest of what an earlier one has counted.
    """
    asked: list[str] = []

    def is_ours(key: str) -> bool:
        asked.append(key)
        return key == CAR

    bench = JoinBench(is_ours=is_ours)
    bench.answered(400, "invalid-request")
    bench.wait(DEADLINE_S + 1)
    for trace_id, car in (("2" * 32, CAR), ("3" * 32, "another")):
        name = {"request_id": f"of {car}", "trace_id": trace_id, "vehicle_id": car}
        bench.answered(413, "body-too-large", **name)
    bench.wait(WAIT_S + 1)
    record = bench.only()
    assert (record.cause, record.reason) == (Cause.API_REFUSED, "HTTP 413 body-too-large")
    assert (record.vehicle_id, record.total_s) == (CAR, 0.0)
    assert asked == [CAR, "another"]
    check_arithmetic(record)


def test_a_line_from_another_time_is_passed_over() -> None:
    """A wrong year must not make all that is right look old, nor the clocks apart."""
    bench = JoinBench()
    bench.requested()
    wrong = bench.event("requested", request_id="r2", trace_id=OTHER_TRACE)
    bench.joiner.take_event(structs.replace(wrong, at=wrong.at + 1e8))
    bench.answered(403)
    assert bench.only().cause is Cause.API_REFUSED
    assert bench.joiner.out_of_time == 1
    assert bench.only().platform
    assert abs(bench.joiner.judging.clocks().ahead_s) < 1


def test_a_clock_that_was_set_is_followed_after_a_while() -> None:
    """Where nothing else comes for a minute, that is the time now."""
    bench = JoinBench()
    bench.requested()
    bench.answered(403)
    bench.ahead_s = -86_400.0
    for number in range(STRANGE_LINES + 10):
        bench.requested(request_id=f"s{number}", trace_id=f"{number + 9:032}", operation="lock")
        bench.wait(1.0)
    bench.requested(request_id="r2", trace_id=OTHER_TRACE)
    bench.answered(403, request_id="r2", trace_id=OTHER_TRACE)
    assert len(bench.records) == 2
    assert bench.records[1].started_at == pytest.approx(bench.behind.clock.wall_s)


def test_when_it_is_to_be_told_the_time() -> None:
    """Never earlier than an unlock could be judged without another line, and not at all at rest."""
    bench = JoinBench()
    assert bench.joiner.next_s() is None
    begins: list[float] = []
    bench.joiner.on_wait = lambda: begins.append(bench.behind.clock.now_s)
    began_s = bench.behind.clock.now_s
    bench.seen()
    bench.opens()
    ended_s = bench.behind.clock.now_s
    assert bench.joiner.next_s() == pytest.approx(ended_s + WAIT_S)
    assert begins == [ended_s]
    bench.wait(1.0)
    bench.requested(trace_id=OTHER_TRACE, request_id="r2", vehicle_id="another")
    assert bench.joiner.next_s() == pytest.approx(ended_s + WAIT_S)
    assert begins == [ended_s]
    assert began_s < ended_s


def test_an_attempt_waits_from_its_end_on() -> None:
    """Not from its beginning: an unlock may take long."""
    bench = JoinBench()
    bench.seen()
    bench.wait(DEADLINE_S)
    bench.requested(trace_id=OTHER_TRACE, request_id="r2", vehicle_id="another", operation="lock")
    bench.wait(LATE_S - 1)
    bench.requested(trace_id=OTHER_TRACE, request_id="r3", vehicle_id="another", operation="lock")
    assert bench.records == []
    bench.wait(1.0)
    bench.requested(trace_id=OTHER_TRACE, request_id="r4", vehicle_id="another", operation="lock")
    assert bench.only().total_s == DEADLINE_S


def test_what_is_under_way_is_looked_at_again() -> None:
    """The log alone says nothing, while MQTT has not told the end; then it is judged at once."""
    bench = JoinBench(behind=watching_bench(deadline_s=200.0))
    bench.requested()
    bench.published()
    bench.seen()
    bench.wait(DEADLINE_S + WAIT_S + 5)
    assert bench.records == []
    bench.ended()
    bench.answered(200, command_id="k1")
    bench.opens()
    assert bench.only().outcome is Outcome.OK


def test_late_lines_of_one_moment_make_one_revision() -> None:
    """Each waits for the others that belong to it."""
    bench = JoinBench()
    first, second = bench.event("requested"), bench.event("published", command_id="k1")
    bench.seen()
    bench.opens()
    bench.wait(WAIT_S + 1)
    assert len(bench.records) == 1
    bench.joiner.take_event(first)
    bench.joiner.take_event(second)
    assert len(bench.records) == 1
    bench.wait(WAIT_S + 1)
    assert [record.revision for record in bench.records] == [1, 2]
    assert bench.joiner.counts.revisions == 1


def test_what_only_the_platform_told_is_counted() -> None:
    """For those who count what was sent."""
    bench = JoinBench()
    bench.requested()
    bench.answered(403)
    bench.requested(request_id="r3", trace_id="3" * 32)
    bench.answered(500, request_id="r3", trace_id="3" * 32)
    names = {"request_id": "r2", "trace_id": OTHER_TRACE}
    bench.requested(**names)
    bench.published(**names)
    bench.seen(trace_id=OTHER_TRACE)
    bench.opens()
    bench.ended(**names)
    bench.answered(202, command_id="k1", **names)
    assert bench.joiner.counts.only_platform == 2
    assert len(bench.records) == 3
    assert bench.joiner.counts.ok_by_log == 0


def counted(bench: JoinBench) -> tuple[int, int]:
    """Return how many unlocks the monitor says that there were, and that went well."""
    tracker, joiner = bench.behind.tracker, bench.joiner
    return (
        tracker.started.total() + joiner.counts.only_platform,
        tracker.ok + joiner.counts.ok_by_log,
    )


def test_what_mqtt_tells_of_later_is_counted_once() -> None:
    """A broker that stood still, or the monitor: `sent` was 126 of 123 unlocks."""
    bench = JoinBench()
    bench.requested()
    bench.published()
    bench.answered(200, command_id="k1")
    bench.ended()
    bench.wait(DEADLINE_S + WAIT_S + 1)
    assert (bench.only().outcome, counted(bench)) == (Outcome.OK, (1, 1))
    bench.seen()
    bench.opens()
    bench.wait(WAIT_S + 1)
    assert [record.outcome for record in bench.records] == [Outcome.OK, Outcome.OK]
    assert counted(bench) == (1, 1)


@pytest.mark.parametrize("is_seen", [False, True])
def test_two_records_of_one_unlock_are_counted_once(*, is_seen: bool) -> None:
    """From when they are known to be one, whichever of them stays."""
    bench = JoinBench()
    bench.requested(trace_id=None, booking_id="another")
    bench.answered(202, trace_id=None)
    if is_seen:
        bench.seen(trace_id=None)
        bench.opens()
    else:
        bench.requested(request_id="r2", trace_id=None, booking_id="a third")
        bench.ended(request_id="r2", trace_id=None, booking_id="a third")
    bench.wait(DEADLINE_S + WAIT_S + 1)
    assert (len(bench.last()), counted(bench)) == (2, (2, 1))
    bench.ended(trace_id=None)
    bench.wait(WAIT_S + 1)
    assert (len(bench.last()), counted(bench)) == (1, (1, 1))


def test_a_car_of_the_log_has_its_build() -> None:
    """What is known of the car by MQTT stands in the record, whoever told of the unlock."""
    bench = JoinBench()
    bench.behind.opened(moved_by=None, site="garage-p3")
    bench.requested()
    bench.answered(500)
    record = bench.only()
    assert (record.region, record.firmware) == ("centre", "2.4.1")
    assert (record.operator, record.hardware, record.site) == ("operator-a", "tcu-3", "garage-p3")


def test_a_request_without_a_car() -> None:
    """A token that nobody knows is turned away before anything is read."""
    bench = JoinBench()
    bench.requested(vehicle_id=None, booking_id=None)
    bench.answered(401, "unauthenticated", vehicle_id=None, booking_id=None)
    record = bench.only()
    assert (record.vehicle_id, record.booking_id, record.region) == ("", None, None)


def test_judged_unlocks_are_forgotten_in_time() -> None:
    """One that was judged again is kept from then on; later its lines are another's."""
    bench = JoinBench()
    bench.requested()
    bench.answered(202)
    bench.wait(DEADLINE_S + WAIT_S + 1)
    assert [record.revision for record in bench.records] == [1]
    bench.wait(LATE_WINDOW_S / 2)
    bench.line("woken", at=bench.platform_at)
    bench.wait(DEADLINE_S + WAIT_S + 1)
    assert [record.revision for record in bench.records] == [1, 2]
    bench.wait(LATE_WINDOW_S - 100)
    bench.line("published", at=bench.platform_at)
    bench.wait(DEADLINE_S + WAIT_S + 1)
    assert [record.revision for record in bench.records] == [1, 2, 3]
    bench.wait(LATE_WINDOW_S + 1)
    assert not bench.joiner._index._by_request
    assert not bench.joiner._index._by_trace
    assert not bench.joiner._judged


def test_a_withdrawn_record_is_a_later_revision() -> None:
    """So that who reads by the highest number leaves it out."""
    bench = JoinBench()
    bench.requested(trace_id=None, booking_id="another")
    bench.answered(202, trace_id=None)
    bench.seen(trace_id=None)
    bench.opens()
    bench.wait(DEADLINE_S + WAIT_S + 1)
    bench.ended(trace_id=None)
    (withdrawn,) = [record for record in bench.records if record.same_as]
    assert withdrawn.revision == 2
    assert bench.joiner.counts.revisions == 2


def test_each_withdrawn_record_is_counted() -> None:
    """With the revision of the unlock that it is a part of."""
    bench = JoinBench()
    for number in range(2):
        bench.requested(trace_id=None, request_id=f"r{number}", booking_id="another")
        bench.answered(202, trace_id=None, request_id=f"r{number}")
        bench.seen(f"k{number}", trace_id=None)
        bench.opens(f"k{number}")
        bench.wait(DEADLINE_S + WAIT_S + 1)
        bench.ended(trace_id=None, request_id=f"r{number}", command_id=f"k{number}")
    assert len([record for record in bench.records if record.same_as]) == 2
    assert bench.joiner.counts.revisions == 4


def test_what_was_written_of_the_log_alone_is_revised_when_its_command_proves_to_wait() -> None:
    """Under the name that it has; nothing is withdrawn."""
    bench = JoinBench()
    bench.requested(trace_id=None)
    bench.answered(403, trace_id=None)
    assert bench.only().cause is Cause.API_REFUSED
    bench.seen(trace_id=None)
    bench.opens()
    bench.published(trace_id=None)
    bench.ended(trace_id=None)
    bench.wait(DEADLINE_S + WAIT_S + 1)
    assert len(bench.last()) == 1
    assert [record.revision for record in bench.records] == [1, 2]
    assert bench.records[1].attempt_id == bench.records[0].attempt_id
    assert bench.records[1].outcome is Outcome.OK
    assert not any(record.same_as for record in bench.records)


def test_what_is_due_is_judged_behind_what_was_judged_already() -> None:
    """Entries of what is judged stay in the queue: they are passed over."""
    bench = JoinBench()
    for number in range(2):
        bench.seen(f"k{number}", trace_id=f"{number:032}")
        bench.opens(f"k{number}")
    first = {"request_id": "r0", "trace_id": f"{0:032}"}
    bench.requested(**first)
    bench.answered(200, **first)
    bench.ended(command_id="k0", **first)
    assert len(bench.records) == 1
    bench.behind.wait(WAIT_S + 1)
    bench.joiner.tick()
    assert len(bench.records) == 2


def test_uncertainty_is_that_of_the_ways() -> None:
    """The command was seen 0.3 s after it was published, and acknowledged after 0.2 s."""
    bench = JoinBench(ahead_s=100.0)
    bench.requested()
    bench.published()
    bench.wait(0.2)
    bench.accepted()
    bench.wait(0.1)
    bench.seen()
    bench.opens()
    bench.ended()
    bench.answered(200, command_id="k1")
    record = bench.only()
    assert record.platform
    assert record.platform.clock_uncertainty_s == pytest.approx(0.2)
    assert record.platform.clock_ahead_s == pytest.approx(99.9, abs=0.11)


def test_lines_that_come_together_are_judged_together() -> None:
    """What a later one of them says is in the first record; each unlock is judged once."""
    bench = JoinBench()
    bench.seen()
    bench.opens()
    bench.joiner.take_events(
        [
            bench.event("ended", command_id="k1", outcome="executed"),
            bench.event("requested", endpoint="/unlock"),
            bench.event("answered", status=500, command_id="k1"),
            bench.event("requested", request_id="r2", command_id="k1"),
            bench.event("answered", request_id="r2", status=200, command_id="k1"),
        ]
    )
    record = bench.only()
    assert record.revision == 1
    assert isinstance(record.platform, PlatformSide)
    assert (record.platform.requests, record.platform.status) == (2, 200)


def test_records_of_lines_that_come_together_are_all_made_before_one_is_handed_on() -> None:
    """So either finds its code in the caches; they come in the order of their last lines."""
    bench = JoinBench()
    handed_on: list[tuple[str, int]] = []

    def emit(record: Attempt) -> None:
        handed_on.append((record.trace_id, bench.joiner.counts.only_platform))

    bench.joiner._emit = emit
    traces = {"r1": OTHER_TRACE, "r2": TRACE_ID}
    bench.joiner.take_events(
        [
            bench.event("requested", request_id="r2", trace_id=traces["r2"]),
            *(
                bench.event(step, request_id=request_id, trace_id=trace_id, status=403)
                for request_id, trace_id in traces.items()
                for step in ("requested", "answered")
            ),
        ]
    )
    assert handed_on == [(OTHER_TRACE, 2), (TRACE_ID, 2)]


def test_a_line_that_makes_two_unlocks_one_comes_with_theirs() -> None:
    """One record: what proved to be a part of another is not judged by itself."""
    bench = JoinBench()
    bench.seen()
    bench.opens()
    trace = {"trace_id": OTHER_TRACE}
    bench.joiner.take_events(
        [
            bench.event("requested", request_id="r2", **trace),
            bench.event("answered", request_id="r2", status=200, **trace),
            bench.event("ended", command_id="k1", outcome="executed"),
            bench.event("published", request_id="r2", command_id="k1", **trace),
        ]
    )
    bench.wait(WAIT_S + DEADLINE_S)
    assert len(bench.last()) == 1
    (record,) = bench.last().values()
    assert record.outcome is Outcome.OK
    assert isinstance(record.platform, PlatformSide)
    assert record.platform.status == 200
