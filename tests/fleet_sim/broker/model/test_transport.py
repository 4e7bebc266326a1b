"""Packets that arrive together at the broker model do nothing to each other."""

from __future__ import annotations

import pytest

from fleet_sim.broker.model.broker import HOP_S
from fleet_sim.broker.model.router import Router
from fleet_wire.links.link import NO_MATCHING_SUBSCRIBERS, SUCCESS, Session
from tests.helpers.broker_place import Place
from tests.helpers.recorder import RecorderOfSeveral


def test_messages_that_come_together_go_to_their_owner_at_once() -> None:
    """A PUBACK among them keeps its place, and what comes a moment later comes alone."""
    place = Place()
    several = RecorderOfSeveral(place.broker.link, Session("several", ("topic",)))
    place.connect(several)
    other = place.connected("other")
    for payload in (b"1", b"2"):
        other.link.publish("topic", payload)
    several.link.publish("elsewhere", b"", on_ack=several.came.append)
    other.link.publish("topic", b"3", qos=0)
    place.time.run_for(HOP_S / 2)
    other.link.publish("topic", b"4")
    place.time.run_for(1)
    assert several.came == [[b"1", b"2"], NO_MATCHING_SUBSCRIBERS, [b"3"], [b"4"]]


def test_a_defect_of_the_broker_at_one_packet_delays_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The caller that steps time notes the defect, and goes on with the other packets."""
    place = Place()
    one, other = place.connected("one"), place.connected("other")
    place.connected("reader", "topic")
    acked: list[int] = []
    one.link.publish("topic", b"1")
    other.link.publish("topic", b"2", on_ack=acked.append)
    with monkeypatch.context() as broken:
        broken.setattr(Router, "route", lambda *_: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            place.time.run_for(HOP_S)
    place.time.run_for(1)
    assert acked == [SUCCESS]
