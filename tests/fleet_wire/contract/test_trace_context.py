"""W3C Trace Context in user properties."""

from __future__ import annotations

import pytest

from fleet_wire.contract.trace_context import (
    TraceContext,
    parse_traceparent,
    passed_on,
    span_id_of,
    trace_context_of,
)

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"
VALUE = f"00-{TRACE}-{SPAN}-01"


def test_what_is_written_can_be_read() -> None:
    """The example of the recommendation, section 3.2.2.5."""
    context = TraceContext(TRACE, SPAN)
    assert context.traceparent == VALUE
    assert parse_traceparent(VALUE) == context
    assert parse_traceparent(f"00-{TRACE}-{SPAN}-00") == TraceContext(TRACE, SPAN, "00")
    later = parse_traceparent(f"cc-{TRACE}-{SPAN}-01-what-will-be")
    assert later == context, "what is known of a higher version is read: section 3.2.4"


@pytest.mark.parametrize(
    "value",
    [
        "",
        "00-xyz",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"ff-{TRACE}-{SPAN}-01",
        f"{VALUE}-more",
        f"cc-{TRACE}-{SPAN}-01.more",
        f" {VALUE}",
        f"{VALUE}\n",
    ],
)
def test_what_is_not_valid_is_passed_over(value: str) -> None:
    """Section 3.2.2: whoever cannot read it begins a trace of its own."""
    assert parse_traceparent(value) is None
    assert trace_context_of([("other", "x"), ("traceparent", value)]) is None
    assert passed_on([("traceparent", value), ("tracestate", "a=1")], by="car-1") == ()


def test_the_first_valid_one_counts() -> None:
    """User properties may come more than once."""
    properties = [("traceparent", "?"), ("traceparent", VALUE), ("traceparent", f"{VALUE[:-2]}00")]
    assert trace_context_of(properties) == TraceContext(TRACE, SPAN)


def test_a_trace_is_passed_on_with_a_span_of_ones_own() -> None:
    """The same trace and flags, the state untouched, and nothing else."""
    properties = [("traceparent", f"{VALUE[:-2]}00"), ("origin", "x"), ("tracestate", "a=1")]
    (name, value), state = passed_on(properties, by="car-1")
    assert name == "traceparent"
    own = parse_traceparent(value)
    assert own is not None
    assert (own.trace_id, own.flags) == (TRACE, "00")
    assert own.span_id != SPAN
    assert state == ("tracestate", "a=1")
    assert passed_on(properties, by="car-2") != passed_on(properties, by="car-1")


def test_span_ids_follow_from_names() -> None:
    """Whoever knows the names knows the id; it is 16 hexadecimal digits and never all 0."""
    assert span_id_of("a", "b") == span_id_of("a", "b") != span_id_of("b", "a")
    assert len(bytes.fromhex(span_id_of("a"))) == 8
