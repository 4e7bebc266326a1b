"""The lines of mosquitto's log: which say something of a client, and which only seem to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_wire.contract.broker_log import (
    MAX_DETAIL,
    MAX_LINE_BYTES,
    BrokerEvent,
    BrokerEventKind,
    broker_event_of,
    is_broker_log,
)

KIND = BrokerEventKind
AT = 1_767_225_600.0


@pytest.mark.parametrize(
    ("line", "client_id", "kind", "detail"),
    [
        (
            "New client connected from 127.0.0.1:41077 as car-1 (p5, c1, k5).",
            "car-1",
            KIND.CONNECTED,
            "127.0.0.1:41077",
        ),
        (
            "New client connected from 10.0.0.7:5 as car-1 (p2, c0, k60, u'box').",
            "car-1",
            KIND.CONNECTED,
            "10.0.0.7:5 as box",
        ),
        ("Client car-1 already connected, closing old connection.", "car-1", KIND.TAKEN_OVER, None),
        ("Client car-1 closed its connection.", "car-1", KIND.CLOSED, None),
        ("Client car-1 disconnected.", "car-1", KIND.LEFT, None),
        ("Client car-1 disconnected, not authorised.", "car-1", KIND.DENIED, None),
        ("Client car-1 has exceeded timeout, disconnecting.", "car-1", KIND.TIMED_OUT, None),
        ("Client <unknown> disconnected due to protocol error.", None, KIND.PROTOCOL_ERROR, None),
        ("Client <unknown> disconnected: Protocol error.", None, KIND.PROTOCOL_ERROR, None),
        ("Outgoing messages are being dropped for client car-1.", "car-1", KIND.DROPPED, None),
        (
            "Bad socket read/write on client car-1: Connection reset by peer",
            "car-1",
            KIND.SOCKET_ERROR,
            "Connection reset by peer",
        ),
        (
            "OpenSSL Error[0]: error:0A000415:SSL routines::sslv3 alert certificate expired",
            None,
            KIND.TLS_ERROR,
            "error:0A000415:SSL routines::sslv3 alert certificate expired",
        ),
        # mosquitto 2.1
        ("Client car-1 [::1:5] disconnected: session taken over.", "car-1", KIND.TAKEN_OVER, None),
        ("Client car-1 [10.0.0.7:5] disconnected.", "car-1", KIND.LEFT, None),
        (
            "Client car-1 [10.0.0.7:5] disconnected: bad socket read/write: reset.",
            "car-1",
            KIND.SOCKET_ERROR,
            "reset",
        ),
    ],
)
def test_sentences_of_mosquitto(
    line: str, client_id: str | None, kind: BrokerEventKind, detail: str | None
) -> None:
    """Each with Unix seconds before it, with a date, or with nothing."""
    for stamp in ("1795631955: ", "2026-11-25T18:39:15: ", ""):
        event = broker_event_of(f"{stamp}{line}".encode(), AT)
        assert event is not None
        assert event[:4] == (AT, client_id, kind, detail)
        assert (event.keepalive_s is None) is (kind is not KIND.CONNECTED)


def test_who_connects_says_how_often_it_pings() -> None:
    """In seconds, as its CONNECT has it."""
    event = broker_event_of(b"New client connected from 10.0.0.7:5 as car-1 (p2, c0, k240).", AT)
    assert event == BrokerEvent(AT, "car-1", KIND.CONNECTED, "10.0.0.7:5", keepalive_s=240.0)


@pytest.mark.parametrize(
    "line",
    [
        "1: New connection from 127.0.0.1:45009 on port 1883.",
        "1: mosquitto version 2.0.21 running",
        "1: Client car-1 did something else.",
        "",
        "Client",
        # An id that would like to be the broker.
        "1: New client connected from 1.2.3.4:5 as x Client car-1 disconnected. (p5, c1, k60).",
        "1: Client x: Client car-1 has exceeded timeout, disconnecting.",
        "1: Client car-1\nClient car-2 disconnected.",
    ],
)
def test_other_lines_say_nothing(line: str) -> None:
    """What is known to be of no concern, what is unknown, and ids with words in them."""
    assert broker_event_of(line.encode(), AT) is None


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


def test_which_topics_are_the_broker_log() -> None:
    """Those of its levels, and no other of the broker's own."""
    assert is_broker_log("$SYS/broker/log/N")
    assert not is_broker_log("$SYS/broker/uptime")
    assert not is_broker_log("cars/car-1/state")
