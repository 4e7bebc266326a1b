"""Lines of mosquitto's log that are long or strange; `broker_log.txt` has its sentences."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fleet_wire.contract.broker_log import (
    MAX_DETAIL,
    MAX_LINE_BYTES,
    broker_event_of,
)

AT = 1_767_225_600.0


def test_a_line_that_somebody_made_long_is_not_read() -> None:
    """And of what a sentence says besides only a part is kept."""
    error = b"OpenSSL Error[0]: " + b"e" * (MAX_LINE_BYTES - 50)
    event = broker_event_of(error, AT)
    assert event is not None
    assert event.detail == "e" * MAX_DETAIL
    assert broker_event_of(error + b"e" * 100, AT) is None


@given(st.binary(max_size=2 * MAX_LINE_BYTES))
def test_any_bytes_do_no_harm(payload: bytes) -> None:
    """Never an exception, and never anything but an event or None."""
    event = broker_event_of(payload, AT)
    assert event is None or event.at == AT
