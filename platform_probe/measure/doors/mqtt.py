"""The door over MQTT: commands as the platform sends them, signed, with a life and a trace.

They are made here and published by the probe: this module does no I/O.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from hashlib import blake2b
from typing import Final, NamedTuple

from fleet_wire.clock import Clock
from fleet_wire.contract.attempt import Source, Stage
from fleet_wire.contract.messages import Action, Command, WakeRequest
from fleet_wire.contract.signing import signature_of
from fleet_wire.contract.topics import TopicKind
from fleet_wire.contract.trace_context import TRACEPARENT, TraceContext, span_id_of
from fleet_wire.errors import LocalProtocolError
from fleet_wire.links.link import PublishProperties
from fleet_wire.profiles.native import NATIVE
from fleet_wire.profiles.profile import Packet, Profile
from platform_probe.measure.attempts.start import Start

ORIGIN: Final = "origin"
"""User property that says who made a command; MQTT 3.1.1 has no place for it."""
_OF_A_PROBE: Final = "probe/"


class OutgoingCommand(NamedTuple):
    """A command, and what to publish for it. `start` is that of an attempt, if it is an unlock."""

    start: Start
    topic: str
    payload: bytes
    properties: PublishProperties
    qos: int = 1
    retain: bool = False


class CommandMaker:
    """Makes commands, signed with the key of their car, and wake requests that go before them.

    Identifiers are a hash of the seed, of the probe's start time and of a running number. Under a
    virtual clock they repeat. Under a real one they never do, so an answer to a former run's
    command is never mistaken for one of this run. The counter of a command is its time in
    microseconds, and grows with every command even when the wall clock goes back.
    """

    def __init__(
        self,
        *,
        seed: int,
        client_id: str,
        key_of: Callable[[str], bytes],
        ttl_s: float,
        clock: Clock,
        profile: Profile = NATIVE,
    ) -> None:
        self._profile = profile
        self._client_id = client_id
        self._origin = (ORIGIN, f"{_OF_A_PROBE}{client_id}")
        self._key_of = key_of
        self._ttl_s = ttl_s
        self._clock = clock
        self._counter = int(clock.unix_s() * 1e6)
        self._run_prefix = f"{seed}/{self._counter}/".encode()
        self._number = 0

    def unlock(self, vehicle_id: str, *, source: Source, intended_s: float) -> OutgoingCommand:
        """Return a new unlock command for a car, intended at `intended_s` (monotonic)."""
        return self._command(Action.UNLOCK, vehicle_id, source, intended_s)

    def lock(self, vehicle_id: str) -> OutgoingCommand:
        """Return a new command that locks a car."""
        return self._command(Action.LOCK, vehicle_id, Source.PROBE, self._clock.monotonic_s())

    def _command(
        self, action: Action, vehicle_id: str, source: Source, intended_s: float
    ) -> OutgoingCommand:
        self._number += 1
        digest = blake2b(self._run_prefix + str(self._number).encode(), digest_size=48).hexdigest()
        attempt_id, unique, trace_id = digest[:32], digest[32:64], digest[64:]
        profile = self._profile
        command_id = profile.command_id(vehicle_id, unique, client_id=self._client_id)
        unix_s = self._clock.unix_s()
        self._counter = max(self._counter + 1, int(unix_s * 1e6))
        expires_at_ms = profile.traits.expiry_ms(unix_s + self._ttl_s)
        signature = ""
        if profile.traits.is_signed:
            signature = signature_of(
                self._key_of(vehicle_id),
                command_id=command_id,
                action=action,
                expires_at_ms=expires_at_ms,
                counter=self._counter,
            )
        command = Command(
            command_id=command_id,
            action=action,
            issued_at_ms=int(unix_s * 1000),
            expires_at_ms=expires_at_ms,
            counter=self._counter,
            signature=signature,
        )
        packets = profile.write(TopicKind.COMMAND, vehicle_id, command)
        if not packets:
            raise LocalProtocolError(f"profile {profile.name} has no word for {action.value}")
        topic, payload, qos, retain = packets[0]
        trace = TraceContext(trace_id, span_id_of(attempt_id, Stage.PUBLISHED))
        return OutgoingCommand(
            start=Start(
                attempt_id=attempt_id,
                command_id=command_id,
                vehicle_id=vehicle_id,
                trace_id=trace_id,
                source=source,
                intended_s=intended_s,
            ),
            topic=topic,
            payload=payload,
            qos=qos,
            retain=retain,
            properties=profile.properties(
                vehicle_id,
                command,
                life_s=math.ceil(self._ttl_s),
                user_properties=((TRACEPARENT, trace.traceparent), self._origin),
            ),
        )

    def wake_request(self, start: Start) -> tuple[Packet, ...]:
        """Return what asks the SMS centre to wake the car of `start`; nothing without a centre."""
        request = WakeRequest(
            request_id=start.attempt_id, requested_at_ms=int(self._clock.unix_s() * 1000)
        )
        return self._profile.write(TopicKind.WAKE, start.vehicle_id, request)


def is_of_a_probe(user_properties: Iterable[tuple[str, str]]) -> bool:
    """Return whether a command is synthetic: made by a probe, this one or another."""
    return any(name == ORIGIN and value.startswith(_OF_A_PROBE) for name, value in user_properties)
