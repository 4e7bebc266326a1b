"""The broker model: what it keeps, handlers that fail, and links that are frozen.

What it shares with the real links stands in `tests/conformance`.
"""

from __future__ import annotations

import math
import weakref

import pytest

from fleet_wire.links.link import EndReason, Message, Will
from tests.helpers.broker_place import Place


class Acks:
    """An `on_ack` that a test can watch go."""

    def __call__(self, code: int) -> None:
        """Take a PUBACK."""


def test_an_idle_fleet_costs_no_events(place: Place) -> None:
    """Once connected, clients with a keepalive and a will leave nothing to be called."""
    clients = [
        place.connected(f"car-{number}", f"cars/{number}", keepalive_s=5, will=Will("w", b""))
        for number in range(20)
    ]
    place.time.run_for(60)
    assert place.time.peek() == math.inf
    place.time.run_for(86_400)
    assert all(client.link.is_connected for client in clients)


def test_a_session_that_has_ended_leaves_nothing_behind(place: Place) -> None:
    """A fleet that comes and goes all day does not grow."""
    for number in range(3):
        place.connected(f"client-{number}", "topic").link.disconnect()
    place.time.run_for(5)
    assert place.broker._sessions == {}


def test_retained_message_lets_go_of_its_sender(place: Place) -> None:
    """What the broker keeps for long does not keep the callback of whoever published it."""
    client = place.connected("client")
    acks = Acks()
    client.link.publish("topic", b"kept", retain=True, on_ack=acks)
    place.time.run_for(1)
    gone = weakref.ref(acks)
    del acks
    assert gone() is None


def test_a_raising_handler_loses_its_own_link_alone(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    """An exception from a handler ends that link, with a log entry and a will; others go on."""
    watcher = place.connected("watcher", "will")
    broken = place.connected("broken", "topic", will=Will("will", b"crashed"))
    sound = place.connected("sound", "topic")

    def on_message(_: Message) -> None:
        raise RuntimeError("a defect")

    broken.on_message = on_message  # type: ignore[method-assign, assignment]
    told: list[Exception] = []
    place.broker.on_handler_error = told.append
    sound.link.publish("topic", b"")
    place.time.run_for(1)
    assert [str(error) for error in told] == ["a defect"]
    assert [(end.why, end.detail) for end in broken.ends] == [
        (EndReason.HANDLER_ERROR, "see the log")
    ]
    assert len(sound.messages) == 1
    assert watcher.payloads == [b"crashed"]
    assert "a defect" in caplog.text
    assert caplog.messages == ["a handler raised: its link is closed"]


def test_what_waits_goes_on_waiting_when_the_link_freezes_again(place: Place) -> None:
    """Also where it does so on what came first; then nothing is lost, and all goes on as before."""
    frozen = place.connected("frozen", "topic")
    other = place.connected("other")
    frozen.link.freeze()
    for number in range(3):
        other.link.publish("topic", b"%d" % number)
    place.time.run_for(1)

    def on_message(message: Message) -> None:
        frozen.messages.append(message)
        frozen.link.freeze()

    frozen.on_message = on_message  # type: ignore[method-assign]
    for number in range(3):
        frozen.link.thaw()
        place.time.run_for(1)
        assert len(frozen.messages) == number + 1
    frozen.link.thaw()
    other.link.publish("topic", b"3", qos=0)
    place.time.run_for(1)
    assert frozen.payloads == [b"0", b"1", b"2", b"3"]
