"""The Device Shadow service of a simulated fleet whose boxes are asked by desired states.

It does what AWS IoT does with a shadow (docs.aws.amazon.com/iot/latest/developerguide:
device-shadow-mqtt, device-shadow-document): it merges what is desired and what is reported, and
publishes what was accepted and what differs.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Any

import msgspec

from fleet_sim.cars.service_client import ServiceClient
from fleet_sim.cars.world import World
from fleet_wire.contract.codec import MAX_PAYLOAD_BYTES
from fleet_wire.links.link import Message, Session
from fleet_wire.links.reconnect import ReconnectPolicy
from fleet_wire.profiles.topic_templates import VEHICLE, TopicTemplate

RECONNECT = ReconnectPolicy(base_s=0.1, cap_s=1.0)
"""The service is part of the cloud and follows its broker at once."""
_SESSION_EXPIRY_S = 3600


class Shadow:
    """The shadow of one car."""

    def __init__(self) -> None:
        self.state: dict[str, Any] = {}
        self.metadata: dict[str, Any] = {}
        self.version = 0

    def update(self, state: dict[str, Any], now_s: int) -> None:
        """Merge what is asked for or reported; null removes a field."""
        self.state = _merge_states(self.state, state)
        self.metadata = _merge_states(self.metadata, _stamp_fields(state, now_s))
        self.version += 1

    def document(self) -> dict[str, Any]:
        """Return the whole document."""
        return {"state": self.state, "metadata": self.metadata, "version": self.version}

    def delta(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return what is desired and not reported, with its metadata."""
        desired = self.state.get("desired") or {}
        differing = _find_difference(desired, self.state.get("reported") or {})
        return differing, _select_metadata(self.metadata.get("desired") or {}, differing)


class ShadowService:
    """Answers updates of the shadows of a fleet, where its profile has some."""

    def __init__(self, world: World, vehicles: Container[str], *, name: str) -> None:
        self._world = world
        self._vehicles = vehicles
        self._shadows: dict[str, Shadow] = {}
        self._level: int | None = None
        """Which level of a topic names the car."""
        self.client: ServiceClient | None = None
        """None where there are no shadows."""
        if world.profile.device_shadow is None:
            return
        template = TopicTemplate.parse(f"{world.profile.device_shadow}/update", {})
        self._level = template.index(VEHICLE)
        session = Session(
            client_id=name,
            subscriptions=(template.filter(),),
            clean_start=False,  # updates wait for the service
            session_expiry_s=_SESSION_EXPIRY_S,
            keepalive_s=30,
        )
        self.client = ServiceClient(
            world,
            session,
            reconnect=RECONNECT,
            stream=world.stream(name),
            on_message=self._handle_update,
        )

    def start(self) -> None:
        """Connect to the broker, if the fleet has shadows."""
        if self.client is not None:
            self.client.connect()

    def _handle_update(self, message: Message) -> None:
        """Answer an update of one of the fleet's own cars."""
        vehicle_id = "" if self._level is None else message.topic.split("/")[self._level]
        if vehicle_id in self._vehicles:  # else another fleet process serves it
            self._answer(vehicle_id, message)

    def _answer(self, vehicle_id: str, message: Message) -> None:
        request = _request_in(message.payload)
        if request is None:
            problem = {"code": 400, "message": "Payload contains invalid json"}
            self._publish(message.topic, "rejected", problem)
            return
        state, token = request
        now_s = int(self._world.unix_s_at(self._world.env.now))
        shadow = self._shadows.setdefault(vehicle_id, Shadow())
        before = shadow.document()
        shadow.update(state, now_s)
        heads = {"version": shadow.version, "timestamp": now_s} | token
        accepted = {"state": state, "metadata": _stamp_fields(state, now_s)}
        self._publish(message.topic, "accepted", accepted | heads)
        differing, metadata = shadow.delta()
        if differing:
            self._publish(
                message.topic, "delta", {"state": differing, "metadata": metadata} | heads
            )
        documents = {"previous": before, "current": shadow.document(), "timestamp": now_s} | token
        self._publish(message.topic, "documents", documents)

    def _publish(self, topic: str, about: str, document: dict[str, Any]) -> None:
        assert self.client is not None  # noqa: S101 - a message has just come by it
        self.client.link.publish(f"{topic}/{about}", msgspec.json.encode(document), qos=1)


def _request_in(payload: bytes) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Return the state of a request, and its token if it has one; None where it is no request."""
    try:
        request = msgspec.json.decode(payload) if len(payload) <= MAX_PAYLOAD_BYTES else None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    state = request.get("state") if isinstance(request, dict) else None
    if not isinstance(request, dict) or not isinstance(state, dict):
        return None
    parts = {name: state[name] for name in ("desired", "reported") if name in state}
    if not all(part is None or isinstance(part, dict) for part in parts.values()):
        return None
    token = request.get("clientToken")
    return parts, {"clientToken": token} if isinstance(token, str) else {}


def _merge_states(old: Any, new: dict[str, Any]) -> dict[str, Any]:
    """Return a document with the fields of another; null removes a field."""
    found: dict[str, Any] = dict(old) if isinstance(old, dict) else {}
    for name, value in new.items():
        if value is None:
            found.pop(name, None)
        elif isinstance(value, dict):
            found[name] = _merge_states(found.get(name), value)
        else:
            found[name] = value
    return found


def _stamp_fields(value: Any, now_s: int) -> Any:
    """Return the metadata of a state: for each field when it was set."""
    if isinstance(value, dict):
        return {name: _stamp_fields(inner, now_s) for name, inner in value.items()}
    return None if value is None else {"timestamp": now_s}


def _find_difference(desired: dict[str, Any], reported: Any) -> dict[str, Any]:
    """Return the desired fields that are not reported so."""
    found = {}
    for name, value in desired.items():
        now = reported.get(name) if isinstance(reported, dict) else None
        if isinstance(value, dict):
            inner = _find_difference(value, now)
            if inner:
                found[name] = inner
        elif value != now:
            found[name] = value
    return found


def _select_metadata(metadata: dict[str, Any], like: dict[str, Any]) -> dict[str, Any]:
    """Return the metadata of the fields that another document has."""
    return {
        name: _select_metadata(metadata[name], inner) if isinstance(inner, dict) else metadata[name]
        for name, inner in like.items()
        if name in metadata
    }
