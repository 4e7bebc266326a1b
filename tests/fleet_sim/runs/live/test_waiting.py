"""Waiting for a broker that lets no box in: what is said, and when it is given up."""

from __future__ import annotations

import io
import time

import pytest

from fleet_sim.runs.live.waiting import REFUSED_AFTER_S, Waiting, why_not
from fleet_sim.runs.progress import LineProgress
from fleet_wire.errors import BrokerRefusedError, BrokerUnreachableError
from fleet_wire.links.brokers import Brokers
from fleet_wire.links.link import Disconnected, EndReason

PLAIN = Brokers.parse("mqtt://user:hush@broker.example")
TLS = Brokers.parse("mqtts://broker.example")
REFUSED = Disconnected(EndReason.REFUSED, 135, "not authorized")
AWAY = Disconnected(EndReason.UNREACHABLE, detail="Connection refused")


CURES = [  # what the links say, as seen with mosquitto 2.0.21 and OpenSSL 3.5
    (PLAIN, EndReason.UNREACHABLE, "Connection refused", "does the broker run"),
    (PLAIN, EndReason.UNREACHABLE, "no answer in 10 s", "firewall"),
    (PLAIN, EndReason.BROKER_CLOSED, "Connection reset by peer", "mqtts://"),
    (TLS, EndReason.UNREACHABLE, "Connection reset by peer", "mqtt://"),
    (PLAIN, EndReason.UNREACHABLE, "[Errno -2] Name or service not known", "is the host right"),
    (
        TLS, EndReason.UNREACHABLE,
        "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate",
        "--ca-file",
    ),
    (
        TLS, EndReason.UNREACHABLE,
        "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: Hostname mismatch",
        "another host",
    ),
    (
        TLS, EndReason.BROKER_CLOSED,
        "[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert certificate required", "--cert-file",
    ),
    (TLS, EndReason.BROKER_CLOSED, "[SSL: TLSV1_ALERT_UNKNOWN_CA] unknown ca", "--cert-file"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("broker", "end", "cure"),
    [
        (PLAIN, REFUSED, "do user and password fit"),
        *((broker, Disconnected(why, detail=said), cure) for broker, why, said, cure in CURES),
    ],
)
def test_what_went_wrong_stands_with_what_helps(
    broker: Brokers, end: Disconnected, cure: str
) -> None:
    """Password, address, port, TLS and certificates are told apart."""
    said, _, helps = why_not(end, broker).partition("; ")
    assert said == str(end)
    assert cure in helps


def test_a_broker_that_has_answered_wants_no_tls() -> None:
    """Neither one that gave a code, nor one that closes what had been open; no cure is made up."""
    busy = Disconnected(EndReason.REFUSED, 137, "server busy")
    assert why_not(busy, PLAIN) == "refused (MQTT reason code 137): server busy"
    taken_over = Disconnected(EndReason.BROKER_CLOSED, 142, "session taken over")
    assert why_not(taken_over, PLAIN).endswith("same client id: do these boxes run twice?")
    shut_down = Disconnected(EndReason.BROKER_CLOSED, 139, "shutting down")
    assert why_not(shut_down, PLAIN) == str(shut_down)
    closed = Disconnected(EndReason.BROKER_CLOSED, detail="Connection reset by peer")
    assert why_not(closed, PLAIN, has_answered=True) == str(closed)


def test_why_no_box_is_in_is_said_now_and_then() -> None:
    """With what is left of the patience, and without the password."""
    said = io.StringIO()
    waiting = Waiting(PLAIN, 60.0, LineProgress(said))
    began_s = time.monotonic()
    for waited_s in range(8):
        waiting.check(began_s + waited_s, None if waited_s < 5 else AWAY)
    first, second = said.getvalue().splitlines()
    assert "no box on mqtt://user@broker.example:1883 yet: it does not answer; trying" in first
    assert "unreachable: Connection refused; does the broker run" in second
    assert "hush" not in said.getvalue()


def test_it_ends_with_the_last_reason() -> None:
    """After the patience of the user."""
    waiting = Waiting(PLAIN, 4.0, LineProgress(io.StringIO()))
    with pytest.raises(BrokerUnreachableError, match=r"in 4 s: unreachable: Connection refused; "):
        waiting.check(time.monotonic() + 5.0, AWAY)


def test_which_of_several_brokers_it_was_is_said() -> None:
    """That of the box that has failed last."""
    waiting = Waiting(Brokers.parse("mqtt://a,mqtt://b"), 4.0, LineProgress(io.StringIO()))
    with pytest.raises(
        BrokerUnreachableError, match=r"b:1883: no box .* in 4 s: mqtt://[ab]:1883: "
    ):
        waiting.check(time.monotonic() + 5.0, AWAY, "car-00001")


def test_a_refusal_for_good_is_not_waited_for() -> None:
    """But another box may still be let in: not at once."""
    waiting = Waiting(PLAIN, 60.0, LineProgress(io.StringIO()))
    waiting.check(time.monotonic() + REFUSED_AFTER_S / 2, REFUSED)
    text = r"lets no box in: not authorized; do user and .*\(MQTT reason code 135\)$"
    with pytest.raises(BrokerRefusedError, match=text):
        waiting.check(time.monotonic() + REFUSED_AFTER_S + 1.0, REFUSED)
