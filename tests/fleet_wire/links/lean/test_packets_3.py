"""Packets of MQTT 3.1.1, byte by byte; conformance/ has real brokers."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fleet_wire.errors import LocalProtocolError
from fleet_wire.links.lean.packets import (
    LARGEST_PACKET,
    MQTT_5,
    PacketForms,
    PeerError,
    read_packets,
)
from fleet_wire.links.lean.packets_3 import MQTT_3
from fleet_wire.links.link import Message, PublishProperties

SIZES = [0, 119, 120, 16_373, 16_374, 2_097_141, 2_097_142]
"""Payloads around those from which a packet's length takes another byte."""


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("packet_id", "retain"), [(None, False), (7, True)])
def test_a_message_is_read_as_it_was_written(
    size: int, packet_id: int | None, *, retain: bool
) -> None:
    """Whatever its length; properties have no place in it."""
    properties = PublishProperties(expiry_s=3)
    packet = MQTT_3.publish("topic", bytes(size), packet_id, properties, retain=retain)
    came, ends, problem = read_packets(packet, LARGEST_PACKET, MQTT_3, most=2)
    qos = 0 if packet_id is None else 1
    message = Message("topic", bytes(size), qos, retain, False, packet_id, None, None, None, [])  # noqa: FBT003 - in order
    assert (came, ends, problem) == ([message], [len(packet)], None)
    assert read_packets(packet[:-1], LARGEST_PACKET, MQTT_3, most=2) == ([], [], None)


@pytest.mark.parametrize("topic", ["", "a/+", "#", "a\0b", "\ud800", "a" * 65_536])
@pytest.mark.parametrize("forms", [MQTT_3, MQTT_5], ids=["3.1.1", "5"])
def test_what_is_no_topic(forms: PacketForms, topic: str) -> None:
    """It is said before anything is sent."""
    for packet_id in (None, 7):
        with pytest.raises(LocalProtocolError):
            forms.publish(topic, b"", packet_id, None, retain=False)


@given(st.binary(max_size=40))
@example(b"\x20\x02\x00\x63")
@example(b"\x90\x03\x00\x01\x05")
@example(b"\x40\x00")
def test_junk_is_the_brokers_fault(data: bytes) -> None:
    """Whatever comes is a packet, a part of one, or breaks the protocol."""
    came, ends, problem = read_packets(data, 1_000, MQTT_3, most=100)
    assert len(came) == len(ends)
    assert problem is None or isinstance(problem, PeerError)
