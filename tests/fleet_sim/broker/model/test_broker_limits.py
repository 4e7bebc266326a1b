"""The broker model: limits, access, and what MQTT does not allow."""

from __future__ import annotations

import pytest

from fleet_sim.broker.control import BrokerSettings
from fleet_sim.broker.model.broker import BrokerLimits
from fleet_sim.broker.model.control import limits_of
from fleet_wire.errors import LocalProtocolError
from fleet_wire.links.link import (
    NO_MATCHING_SUBSCRIBERS,
    PACKET_TOO_LARGE,
    LinkLimits,
    PublishProperties,
)
from tests.helpers.broker_place import Place


def test_broker_limit_refuses_large_packets() -> None:
    """Once connected the link raises; what was queued before is answered with 149."""
    place = Place(limits=BrokerLimits(max_packet_bytes=1_000))
    client = place.client("client")
    client.link.publish("topic", bytes(1_000), on_ack=client.acks.append)
    client.link.publish("topic", bytes(900), on_ack=client.acks.append)
    place.connect(client)
    place.time.run_for(1)
    assert client.acks == [PACKET_TOO_LARGE, 16]
    with pytest.raises(LocalProtocolError, match="the broker takes 1000"):
        client.link.publish("topic", bytes(1_000))


def test_a_private_broker_limits_nothing_in_flight() -> None:
    """A scenario limits how many messages wait."""
    limits = limits_of(BrokerSettings(max_queued_messages=7))
    assert limits == BrokerLimits(max_inflight_messages=0, max_queued_messages=7)


def test_small_client_misses_only_what_is_too_large_with_its_properties(place: Place) -> None:
    """The client's limit counts topic and properties too."""
    limits = LinkLimits(max_packet_bytes=100)
    client = place.connected("client", "topic", limits=limits)
    sender = place.connected("sender")
    fits = PublishProperties(correlation_data=bytes(20), response_topic="r", expiry_s=9)
    large = PublishProperties(user_properties=(("name", "v" * 90),))
    for properties in (fits, large, None):
        sender.link.publish("topic", bytes(40), properties=properties)
    place.time.run_for(1)
    assert [message.correlation_data for message in client.messages] == [bytes(20), None]


@pytest.mark.parametrize(
    ("topic", "qos", "properties", "why"),
    [
        ("", 1, None, "'': not a topic"),
        ("a/+", 1, None, "'a/+': not a topic"),
        ("a/#", 1, None, "'a/#': not a topic"),
        ("a\0", 1, None, r"'a\x00': not a topic"),
        ("a" * 65_536, 1, None, f"'{'a' * 200}': not a topic"),
        ("a", 2, None, "a: QoS 2, only 0 and 1 are allowed"),
        ("a", 1, PublishProperties(response_topic="b/#"), "a: response topic 'b/#' is not a topic"),
        ("a", 1, PublishProperties(response_topic="+/b"), "a: response topic '+/b' is not a topic"),
        ("a", 1, PublishProperties(response_topic=""), "a: response topic '' is not a topic"),
        ("a", 1, PublishProperties(expiry_s=-1), "a: expiry -1 s"),
    ],
)
def test_what_mqtt_does_not_allow_is_not_sent(
    place: Place, topic: str, qos: int, properties: PublishProperties | None, why: str
) -> None:
    """A publish that MQTT does not allow raises at once, and says what is wrong with which."""
    client = place.connected("client")
    with pytest.raises(LocalProtocolError) as error:
        client.link.publish(topic, b"", qos=qos, properties=properties)
    assert str(error.value) == why


def test_what_mqtt_just_allows_is_sent(place: Place) -> None:
    """The longest topic, and an expiry of no time at all."""
    client = place.connected("client")
    properties = PublishProperties(expiry_s=0)
    client.link.publish("a" * 65_535, b"", properties=properties, on_ack=client.acks.append)
    place.time.run_for(1)
    assert client.acks == [NO_MATCHING_SUBSCRIBERS]
