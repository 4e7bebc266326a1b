"""The trace of an unlock, from its record."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from fleet_wire.contract.attempt import Attempt, Flag, Source, Stage
from fleet_wire.contract.causes import Cause
from fleet_wire.contract.topics import TopicKind
from fleet_wire.contract.trace_context import TraceContext, span_id_of
from platform_probe.outputs.otlp.spans import Broker, Span, SpanKind, flat, hops_at, spans_of
from tests.helpers.fake_clock import EPOCH_S
from tests.helpers.join_bench import JoinBench
from tests.helpers.otlp_lines import NATIVE_BROKER
from tests.helpers.records import TRACE_ID
from tests.helpers.tracker_bench import TrackerBench

HOPS = hops_at(NATIVE_BROKER)
EPOCH_NS = round(EPOCH_S * 1e9)


def opened() -> Attempt:
    """Return an unlock that went well, half a second for each hop."""
    bench = TrackerBench()
    bench.start()
    steps: list[Callable[[], None]] = [
        lambda: bench.tracker.published("c1"),
        lambda: bench.tracker.acknowledged("c1", 0),
        bench.received,
        lambda: bench.executed(since_received_s=0.2),
        bench.opened,
    ]
    for step in steps:
        bench.wait(0.5)
        step()
    return bench.only()


def silent() -> Attempt:
    """Return an unlock whose box did not answer."""
    bench = TrackerBench()
    bench.send()
    bench.wait(20)
    return bench.only()


def hops(spans: list[Span]) -> dict[str, Span]:
    """Return the spans of hops by their stage."""
    return {span.attributes["unlockpath.stage"]: span for span in spans[1:]}


def test_the_hops_fill_the_whole() -> None:
    """One after the other, from the intended start to the end, all in one trace."""
    attempt = opened()
    root, *rest = spans = spans_of(attempt, HOPS)
    assert {span.trace_id for span in spans} == {TRACE_ID}
    assert root.span_id == attempt.span_id
    assert root.parent_span_id is None
    assert {span.parent_span_id for span in rest} == {root.span_id}
    assert len({span.span_id for span in spans}) == len(spans)
    assert (root.start_ns, root.end_ns) == (EPOCH_NS, EPOCH_NS + 2_500_000_000)
    starts = [span.start_ns for span in rest]
    assert starts == [root.start_ns, *(span.end_ns for span in rest[:-1])]
    assert rest[-1].end_ns == root.end_ns
    assert [span.attributes["unlockpath.stage"] for span in rest] == list(attempt.hops_s)


def test_spans_are_called_as_opentelemetry_calls_them() -> None:
    """Operation and topic, with a place for the car: as many names as there are hops."""
    found = [(span.name, span.kind) for span in spans_of(opened(), HOPS)]
    assert found == [
        ("unlock", SpanKind.INTERNAL),
        ("wait for the start", SpanKind.INTERNAL),
        ("create cars/{vehicle_id}/command", SpanKind.PRODUCER),
        ("publish cars/{vehicle_id}/command", SpanKind.CLIENT),
        ("receive cars/{vehicle_id}/command", SpanKind.CLIENT),
        ("process cars/{vehicle_id}/command", SpanKind.CONSUMER),
        ("receive cars/{vehicle_id}/result", SpanKind.CLIENT),
        ("receive cars/{vehicle_id}/state", SpanKind.CLIENT),
    ]
    publish = hops(spans_of(opened(), HOPS))[Stage.BROKER_ACCEPTED]
    assert publish.attributes == {
        "unlockpath.stage": "broker_accepted",
        "messaging.system": "mqtt",
        "messaging.operation.name": "publish",
        "messaging.operation.type": "send",
        "messaging.destination.name": "cars/centre-1/command",
        "messaging.destination.template": "cars/{vehicle_id}/command",
        "messaging.message.conversation_id": "c1",
        "network.protocol.name": "mqtt",
        "network.protocol.version": "5",
        "server.address": "broker.example",
        "server.port": 1883,
    }


def test_topics_are_those_of_the_fleet() -> None:
    """Some differ by more than the car, and some messages are never sent."""
    topics = {TopicKind.COMMAND: "my/{vehicle_id}/client/+/command"}
    spans = spans_of(opened(), hops_at(Broker("b", 1883, "3.1.1", topics)))
    publish, state = (hops(spans)[it] for it in (Stage.BROKER_ACCEPTED, Stage.STATE_CHANGED))
    assert publish.name == "publish my/{vehicle_id}/client/+/command"
    assert publish.attributes["messaging.destination.template"] == topics[TopicKind.COMMAND]
    assert "messaging.destination.name" not in publish.attributes
    assert publish.attributes["network.protocol.version"] == "3.1.1"
    assert state.name == "receive"
    assert state.attributes["messaging.message.conversation_id"] == "c1"
    assert "messaging.destination.template" not in state.attributes


def test_the_span_that_creates_the_command_is_the_one_that_it_names() -> None:
    """So that spans of others, who got its traceparent, hang below it."""
    attempt = opened()
    created = hops(spans_of(attempt, HOPS))[Stage.PUBLISHED]
    assert created.span_id == span_id_of(attempt.attempt_id, Stage.PUBLISHED)


def test_every_stage_has_a_span() -> None:
    """Also those that only some ways of asking have."""
    attempt = msgspec.structs.replace(
        opened(), hops_s={stage: 0.1 for stage in Stage if stage is not Stage.INTENDED}
    )
    found = hops(spans_of(attempt, HOPS))
    api = found[Stage.API_ANSWERED]
    assert (api.name, api.kind) == ("HTTP", SpanKind.CLIENT)
    assert api.attributes["http.request.method"] == "_OTHER"


def test_what_the_platform_answered_is_said() -> None:
    """An unlock that the API refused is a trace too: it has no command, and a status."""
    bench = JoinBench()
    bench.requested()
    bench.wait(0.5)
    bench.answered(403, "booking-of-another")
    root, api = spans_of(bench.only(), HOPS)
    assert root.attributes["error.type"] == "api_refused"
    assert (api.name, api.kind) == ("POST /unlock", SpanKind.CLIENT)
    assert api.attributes == {
        "unlockpath.stage": "api_answered",
        "http.request.method": "POST",
        "http.route": "/unlock",
        "http.response.status_code": 403,
        "error.type": "403",
    }
    bench.requested(request_id="r2", trace_id="2" * 32)
    bench.answered(202, request_id="r2", trace_id="2" * 32)
    bench.joiner.flush()
    waited_for = spans_of(bench.records[-1], HOPS)[-1]
    assert waited_for.attributes["unlockpath.stage"] == "published"
    assert None not in waited_for.attributes.values()


@pytest.mark.parametrize(("waits", "took_s"), [(True, 2), (False, 1)])
def test_a_request_has_its_whole_time(*, waits: bool, took_s: int) -> None:
    """From the request to the answer, which comes behind the end where the phone asks to wait."""
    bench = JoinBench()
    bench.requested()
    bench.wait(1)
    bench.published()
    bench.accepted()
    bench.seen()
    if not waits:
        bench.answered(202)
    bench.opens()
    bench.ended()
    if waits:
        bench.wait(0.5)
        bench.answered(200)
    bench.joiner.flush()
    root, *rest = spans_of(bench.records[-1], HOPS)
    (request,) = (span for span in rest if span.name == "POST /unlock")
    assert (request.start_ns, request.end_ns - request.start_ns) == (root.start_ns, took_s * 10**9)
    assert root.end_ns - root.start_ns == 1_500_000_000


def test_a_failure_shows_in_the_whole_and_where_it_was_lost() -> None:
    """`error.type` is the cause; the hop that was waited for in vain lasts until the end."""
    spans = spans_of(silent(), HOPS)
    root = spans[0]
    assert root.cause is Cause.BOX_OFFLINE
    assert root.attributes["error.type"] == "box_offline"
    assert root.attributes["unlockpath.outcome"] == "unknown"
    assert root.attributes["unlockpath.evidence.furthest_stage"] == "broker_accepted"
    assert [span.cause for span in spans[1:-1]] == [None] * (len(spans) - 2)
    last = spans[-1]
    assert last.attributes["unlockpath.stage"] == Stage.BOX_RECEIVED
    assert last.cause is root.cause
    assert last.end_ns == root.end_ns == EPOCH_NS + 20_000_000_000


def test_a_customers_unlock_hangs_below_the_platforms_span() -> None:
    """And has no hops that nobody has seen."""
    trace = TraceContext("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")
    bench = TrackerBench()
    bench.customer("k1", trace=trace)
    bench.wait(1)
    bench.executed("k1", since_received_s=0.5)
    bench.opened("k1")
    spans = spans_of(bench.only(), HOPS)
    root = spans[0]
    assert (root.trace_id, root.parent_span_id) == (trace.trace_id, trace.span_id)
    assert root.is_parent_remote
    assert root.attributes["unlockpath.source"] == Source.CUSTOMER
    assert not hops(spans).keys() & {Stage.REQUESTED, Stage.PUBLISHED, Stage.BROKER_ACCEPTED}
    assert hops(spans)[Stage.RESULT_RECEIVED].end_ns == root.end_ns


def test_times_that_were_not_measured_are_not_shown() -> None:
    """How it ended is known, so there is one span."""
    late = msgspec.structs.replace(opened(), flags=(Flag.OBSERVED_LATE,))
    (root,) = spans_of(late, HOPS)
    assert root.attributes["unlockpath.flags"] == ["observed_late"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"a": None, "b": []}, {}),
        ({"a": {"b": {"c": 1}}}, {"unlockpath.a.b.c": 1}),
        ({"a": [1, "x"]}, {"unlockpath.a": ["1", "x"]}),
        ({"a": True, "b": 0}, {"unlockpath.a": True, "unlockpath.b": 0}),
    ],
)
def test_fields_become_attributes(fields: dict[str, object], expected: dict[str, object]) -> None:
    """Mappings are taken apart, and what is not known is left out."""
    assert flat(fields) == expected
