"""Lines of a platform's log."""

from __future__ import annotations

from fleet_wire.contract.platform_log import (
    PlatformEvent,
    PlatformStep,
    decode_events,
    encode_event,
    encode_events,
)
from tests.helpers.leaks import left_behind_by

EVENTS = tuple(
    PlatformEvent(event=step, at=1.5, request_id="r1", operation="unlock") for step in PlatformStep
)


def test_many_lines_are_what_each_is() -> None:
    """And they are read as they were written."""
    lines = encode_events(EVENTS)
    assert lines == b"".join(encode_event(one) + b"\n" for one in EVENTS)
    assert tuple(decode_events(lines.splitlines())) == EVENTS


def test_what_was_written_is_not_kept_in_memory() -> None:
    """A platform writes for months, whatever it hands over its events in."""
    assert left_behind_by(lambda: encode_events(EVENTS)) == {}
    assert left_behind_by(lambda: encode_events(one for one in EVENTS)) == {}
