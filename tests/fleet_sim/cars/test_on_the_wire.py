"""What a box puts on the wire, and what it takes from it: what others rely on."""

from __future__ import annotations

import pytest

from fleet_sim.cars.parameters import NULL_BOX, BoxParameters
from fleet_wire.contract.topics import TopicKind
from fleet_wire.contract.trace_context import TraceContext, trace_context_of
from tests.helpers.fake_link import Bench, bench


def sent_as(car: Bench) -> dict[TopicKind, set[tuple[str, int, bool]]]:
    """Return topic, QoS and whether to retain it, of what the box sent of each kind."""
    found: dict[TopicKind, set[tuple[str, int, bool]]] = {}
    for (kind, _), envelope in zip(car.link.sent, car.link.envelopes, strict=True):
        found.setdefault(kind, set()).add(envelope)
    return found


@pytest.mark.parametrize("parameters", [NULL_BOX, BoxParameters()], ids=["null", "usual"])
def test_state_and_presence_are_retained_and_answers_are_not(parameters: BoxParameters) -> None:
    """Who subscribes later learns how the car is, and is told no old answer; on every radio."""
    car = bench(parameters)
    car.env.run(until=60)
    car.deliver(car.command())
    car.env.run(until=90)
    assert len(car.link.acknowledged) == 1, "else the broker would send it again, and again"
    car.box.heartbeat()
    assert sent_as(car) == {
        TopicKind.STATE: {("cars/car-1/state", 1, True)},
        TopicKind.PRESENCE: {("cars/car-1/presence", 1, True)},
        TopicKind.RESULT: {("cars/car-1/result", 1, False)},
        TopicKind.TELEMETRY: {("cars/car-1/telemetry", 0, False)},
    }


def test_the_will_takes_the_place_of_the_presence() -> None:
    """On the same topic and retained, so that nobody believes in a box that is lost."""
    parameters = NULL_BOX.model_copy(update={"session_expiry_s": 600, "keepalive_s": 45})
    car = bench(parameters)
    session, presence = car.link.handler.session(), car.link.presences()[-1]
    assert (session.client_id, session.subscriptions) == ("car-1", ("cars/car-1/command",))
    assert session.will is not None
    assert b'"last_will"' in session.will.payload
    assert presence.session_id.encode() in session.will.payload
    assert (session.will.topic, session.will.retain) == ("cars/car-1/presence", True)
    assert session.will.qos == 1
    assert (session.session_expiry_s, session.keepalive_s) == (600, 45)
    assert not session.clean_start, "what came while the box was away would be lost"


def test_answers_carry_the_commands_trace_and_a_span_of_the_box() -> None:
    """Whoever takes an answer can join it to the trace, with correlation data or without."""
    sent = TraceContext("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")
    properties = [("traceparent", sent.traceparent), ("tracestate", "a=1"), ("origin", "me")]
    car = bench()
    car.deliver(car.command(user_properties=properties))
    car.deliver(car.command("c2", user_properties=properties, correlation_data=None))
    with_properties = [one for one in car.link.properties if one is not None]
    assert [one.correlation_data for one in with_properties] == [b"c1", b"c1", None, None]
    for one in with_properties:
        own = trace_context_of(one.user_properties)
        assert own is not None
        assert own.trace_id == sent.trace_id
        assert own.span_id != sent.span_id
        assert [name for name, _ in one.user_properties] == ["traceparent", "tracestate"]
