"""The trace of an unlock, from its record, over any broker; `exported.txt` has whole traces."""

from __future__ import annotations

import msgspec

from fleet_wire.contract.attempt import Attempt, Stage
from fleet_wire.contract.topics import TopicKind
from fleet_wire.contract.trace_context import span_id_of
from platform_probe.outputs.otlp.spans import Broker, Span, SpanKind, hops_at, spans_of
from tests.helpers.otlp_lines import NATIVE_BROKER
from tests.helpers.tracker_bench import TrackerBench

HOPS = hops_at(NATIVE_BROKER)


def opened() -> Attempt:
    """Return an unlock that went well."""
    bench = TrackerBench()
    bench.send()
    bench.received()
    bench.executed(since_received_s=0.2)
    bench.opened()
    return bench.only()


def hops(spans: list[Span]) -> dict[str, Span]:
    """Return the spans of hops by their stage."""
    return {span.attributes["unlockpath.stage"]: span for span in spans[1:]}


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
