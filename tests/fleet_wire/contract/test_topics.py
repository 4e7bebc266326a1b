"""Topics, both ways."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_wire.contract.topics import (
    VEHICLE_ID,
    TopicKind,
    checked_vehicle_id,
    parse_topic,
    topic_of,
)
from fleet_wire.errors import LocalProtocolError, RemoteProtocolError

VEHICLE_IDS = st.from_regex(VEHICLE_ID, fullmatch=True)


@given(st.sampled_from(TopicKind), VEHICLE_IDS)
def test_topic_round_trip(kind: TopicKind, vehicle_id: str) -> None:
    """A topic gives back what it was made of."""
    assert parse_topic(topic_of(kind, checked_vehicle_id(vehicle_id))) == (kind, vehicle_id)


def test_known_topics() -> None:
    """The topics of the contract."""
    assert topic_of(TopicKind.COMMAND, "car-1") == "cars/car-1/command"
    assert topic_of(TopicKind.RESULT, "+") == "cars/+/result"
    assert topic_of(TopicKind.WAKE, "car-1") == "wake/car-1"


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "cars",
        "cars/car-1",
        "cars//command",
        "cars/car-1/wake",
        "cars/car-1/commands",
        "cars/car-1/command/x",
        "cars/+/command",
        "cars/a b/command",
        "Cars/car-1/command",
        "/cars/car-1/command",
        "wake/",
        "wake/car-1/x",
        "bikes/car-1/command",
        f"cars/{'x' * 65}/command",
        "cars/car-1\n/command",
        "wake/car-1\n",
        "$SYS/broker/uptime",
        "x" * 10_000,
    ],
)
def test_topics_outside_the_contract(topic: str) -> None:
    """A stranger's topic is the remote side's error, with the topic in it, cut."""
    with pytest.raises(RemoteProtocolError) as caught:
        parse_topic(topic)
    assert caught.value.topic == topic[:200]
    assert len(str(caught.value)) < 300


@given(st.text(max_size=300))
def test_any_topic_is_parsed_or_refused(topic: str) -> None:
    """No text does anything else, and only a topic of the contract is parsed."""
    try:
        kind, vehicle_id = parse_topic(topic)
    except RemoteProtocolError:
        return
    assert topic_of(kind, vehicle_id) == topic


@pytest.mark.parametrize("vehicle_id", ["", "a/b", "+", "#", "a b", "é", "x" * 65, "car\n"])
def test_bad_vehicle_ids(vehicle_id: str) -> None:
    """An id that cannot be a topic level is our own error."""
    with pytest.raises(LocalProtocolError, match="vehicle id"):
        checked_vehicle_id(vehicle_id)
