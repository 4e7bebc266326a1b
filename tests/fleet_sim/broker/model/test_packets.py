"""Packet sizes of the broker model."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fleet_sim.broker.model.packets import Publication
from fleet_wire.links.lean.packets import MQTT_5
from fleet_wire.links.link import PublishProperties


@given(
    topic=st.text("aé/", min_size=1, max_size=200),
    payload_bytes=st.sampled_from([0, 1, 100, 127, 16_000, 16_400, 2_097_152]),
    qos=st.sampled_from([0, 1]),
    properties=st.none()
    | st.builds(
        PublishProperties,
        response_topic=st.none() | st.text("bü", min_size=1, max_size=9),
        correlation_data=st.none() | st.binary(max_size=200),
        expiry_s=st.none() | st.integers(0, 1000),
        user_properties=st.lists(st.tuples(st.text("c€"), st.text("d")), max_size=3).map(tuple),
    ),
)
def test_packet_size_is_that_of_the_codec(
    topic: str, payload_bytes: int, qos: int, properties: PublishProperties | None
) -> None:
    """The size that limits apply to is the size of the packet that a real link would send."""
    payload = bytes(payload_bytes)
    packet = MQTT_5.publish(topic, payload, 1 if qos else None, properties, retain=False)
    publication = Publication(topic, payload, qos, False, properties)  # noqa: FBT003
    assert publication.packet_bytes() == len(packet)
    assert publication.is_larger_than(len(packet) - 1)
    assert not publication.is_larger_than(len(packet))


def test_packet_sizes_are_right_where_a_length_takes_one_byte_more() -> None:
    """The length of a packet has a variable number of bytes."""
    for count in (edge + step for edge in (1 << 7, 1 << 14, 1 << 21) for step in range(-30, 5)):
        publication = Publication("topic", bytes(count), 1, False)  # noqa: FBT003
        packet = MQTT_5.publish("topic", bytes(count), 1, None, retain=False)
        assert publication.packet_bytes() == len(packet)
