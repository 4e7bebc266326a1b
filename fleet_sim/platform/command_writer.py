"""Commands in the words of the fleet's wire: signed, with a counter, an id and a trace."""

from __future__ import annotations

import math

import msgspec

from fleet_sim.cars.world import World
from fleet_sim.platform.commands import PlatformCommand
from fleet_wire.contract.messages import Command, WakeRequest
from fleet_wire.contract.signing import signature_of, vehicle_key
from fleet_wire.contract.topics import TopicKind
from fleet_wire.contract.trace_context import TRACEPARENT
from fleet_wire.errors import LocalProtocolError
from fleet_wire.links.link import Link, OnAck


class CommandWriter:
    """Writes for one fleet, in the profile of its world."""

    def __init__(self, world: World, *, client_id: str) -> None:
        self._world = world
        self._client_id = client_id
        self._counter = 0
        self._keys: dict[str, bytes] = {}

    def wire_id(self, vehicle_id: str, command_id: str) -> str:
        """Return what the wire calls a new command."""
        profile = self._world.profile
        return profile.command_id(vehicle_id, command_id, client_id=self._client_id)

    def signed(self, command: PlatformCommand, unix_s: float) -> Command:
        """Return a command as it goes on the wire; its counter grows with every command."""
        self._counter = max(self._counter + 1, int(unix_s * 1e6))
        wire = self._world.profile.traits
        expires_at_ms = wire.expiry_ms(command.expires_at)
        signature = ""
        if wire.is_signed:
            signature = signature_of(
                self._key(command.box_id),
                command_id=command.wire_id,
                action=command.action,
                expires_at_ms=expires_at_ms,
                counter=self._counter,
            )
        return Command(
            command_id=command.wire_id,
            action=command.action,
            issued_at_ms=int(command.issued_at * 1000),
            expires_at_ms=expires_at_ms,
            counter=self._counter,
            signature=signature,
            booking_id=command.booking.booking_id or None,
        )

    def _key(self, vehicle_id: str) -> bytes:
        """Return the key of a car, derived once: that takes longer than to sign with it."""
        key = self._keys.get(vehicle_id)
        if key is None:
            key = self._keys[vehicle_id] = vehicle_key(self._world.fleet_secret, vehicle_id)
        return key

    def wake(self, link: Link, command: PlatformCommand, unix_s: float) -> None:
        """Ask the SMS centre to wake the car of a command, where the fleet has one."""
        request = WakeRequest(request_id=command.command_id, requested_at_ms=int(unix_s * 1000))
        write = self._world.profile.write
        for topic, payload, qos, retain in write(TopicKind.WAKE, command.box_id, request):
            link.publish(topic, payload, qos=qos, retain=retain)

    def publish(
        self,
        link: Link,
        command: PlatformCommand,
        signed: Command,
        *,
        life_s: float | None,
        on_ack: OnAck,
    ) -> None:
        """Publish a command with its remaining life; None: the broker keeps it for ever.

        Raises `LocalProtocolError` where the fleet has no word for it, or the link's queue is full.
        """
        profile, vehicle_id = self._world.profile, command.box_id
        packets = profile.write(TopicKind.COMMAND, vehicle_id, signed)
        if not packets:
            raise LocalProtocolError(f"{profile.name} has no word for {command.action.value}")
        topic, payload, qos, retain = packets[0]
        properties = profile.properties(
            vehicle_id,
            signed,
            life_s=math.ceil(life_s or 0.0),
            user_properties=((TRACEPARENT, command.parent.traceparent),),
        )
        if life_s is None:
            properties = msgspec.structs.replace(properties, expiry_s=None)
        link.publish(
            topic,
            payload,
            qos=qos,
            retain=retain or life_s is None,
            properties=properties,
            on_ack=on_ack,
        )
