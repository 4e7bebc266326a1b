"""The Device Shadow service of a simulated fleet does what AWS IoT does."""

from __future__ import annotations

from typing import Any

import pytest

from fleet_sim.cars.shadow_service import Shadow
from fleet_wire.profiles.loading import load_profile
from tests.helpers.fleet_places import CARS, VirtualPlace

UPDATE = f"$aws/things/{CARS[0]}/shadow/update"


def test_a_delta_has_what_is_desired_and_not_reported() -> None:
    """Nested fields alone, with the moment when they were asked for; a report clears it."""
    shadow = Shadow()
    shadow.update({"desired": {"doors": "unlocked", "light": {"hue": 3, "on": True}}}, 10)
    shadow.update({"reported": {"light": {"on": True}, "volts": 12}}, 20)
    assert shadow.delta() == (
        {"doors": "unlocked", "light": {"hue": 3}},
        {"doors": {"timestamp": 10}, "light": {"hue": {"timestamp": 10}}},
    )
    shadow.update({"reported": {"doors": "unlocked", "light": {"hue": 3}}}, 30)
    assert shadow.delta() == ({}, {})
    assert shadow.version == 3


@pytest.mark.parametrize("state", [{"desired": {"doors": None}}, {"desired": None}])
def test_null_removes_what_was_desired(state: dict[str, Any]) -> None:
    """A field, or all of it."""
    shadow = Shadow()
    shadow.update({"desired": {"doors": "unlocked"}}, 10)
    shadow.update(state, 20)
    assert shadow.delta() == ({}, {})
    assert shadow.metadata.get("desired", {}) == {}


def test_an_update_is_answered_on_each_topic() -> None:
    """What was accepted, what differs and the whole document, each with the token."""
    place = VirtualPlace(load_profile("aws-shadow"))
    listener = place.client(f"{UPDATE}/+")
    place.let_pass(1.0)
    listener.messages.clear()
    asked = b'{"state":{"desired":{"doors":"unlocked"}},"clientToken":"t-1"}'
    listener.link.publish(UPDATE, asked)
    place.let_pass(0.1)
    topics = [message.topic.rpartition("/")[2] for message in listener.messages]
    accepted, delta, documents, *_ = listener.documents
    assert topics[:3] == ["accepted", "delta", "documents"]
    assert accepted["state"] == {"desired": {"doors": "unlocked"}}
    assert delta["state"] == {"doors": "unlocked"}
    assert documents["current"]["state"]["desired"] == {"doors": "unlocked"}
    assert {each["clientToken"] for each in (accepted, delta, documents)} == {"t-1"}
    assert documents["current"]["metadata"]["desired"] == accepted["metadata"]["desired"]
    at_s = accepted["metadata"]["desired"]["doors"]["timestamp"]
    assert {each["timestamp"] for each in (accepted, delta, documents)} == {at_s}


@pytest.mark.parametrize("payload", [b"", b"{", b"[]", b'{"state":[]}', b'{"state":{"desired":7}}'])
def test_what_is_no_request_is_rejected(payload: bytes) -> None:
    """With an error of 400, and nothing else changes."""
    place = VirtualPlace(load_profile("aws-shadow"))
    listener = place.client(f"{UPDATE}/+")
    place.let_pass(1.0)
    listener.messages.clear()
    listener.link.publish(UPDATE, payload)
    place.let_pass(0.1)
    (message,), (said,) = listener.messages, listener.documents
    assert (message.topic, said["code"]) == (f"{UPDATE}/rejected", 400)


async def test_a_fleet_without_shadows_has_no_service() -> None:
    """Nothing connects for it."""
    place = VirtualPlace(load_profile("aws-iot"))
    place.let_pass(1.0)
    assert place.fleet.shadow_service.client is None
