"""Tests of `fleet_wire.contract.traces`."""

from __future__ import annotations

import pytest

from fleet_wire.contract.traces import (
    TRACEPARENT,
    TraceParent,
    parse_traceparent,
    trace_parent_of,
)

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def test_what_is_written_is_read_again() -> None:
    """The example of the specification, section 3.2.3."""
    text = f"00-{TRACE}-{SPAN}-01"
    parent = parse_traceparent(text)
    assert parent == TraceParent(TRACE, SPAN, "01")
    assert str(parent) == text


def test_a_later_version_may_say_more() -> None:
    """Its first fields are those that we know (section 4.2)."""
    assert parse_traceparent(f"cc-{TRACE}-{SPAN}-00-what-comes") == (TRACE, SPAN, "00")


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "00",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
    ],
)
def test_what_is_no_trace_is_none(text: str | None) -> None:
    """Whoever is called begins a trace of its own."""
    assert parse_traceparent(text) is None


def test_the_first_valid_one_of_a_message_counts() -> None:
    """Others may stand beside it."""
    properties = [("origin", "x"), (TRACEPARENT, "no"), (TRACEPARENT, f"00-{TRACE}-{SPAN}-01")]
    assert trace_parent_of(properties) == (TRACE, SPAN, "01")
    assert trace_parent_of([("origin", "x")]) is None
