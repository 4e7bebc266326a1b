"""Sorts what comes from the broker to the tracker. Whatever breaks the contract is counted."""

from __future__ import annotations

from typing import Final

from fleet_wire.contract.codec import decode, unknown_fields
from fleet_wire.contract.messages import Command, Presence, Result, Telemetry, VehicleState
from fleet_wire.contract.topics import TopicKind, parse_topic, topic_of
from fleet_wire.errors import RemoteProtocolError
from fleet_wire.links.link import Message
from platform_probe.attempts.tracker import AttemptTracker
from platform_probe.doors.mqtt import is_of_a_probe, trace_id_of
from platform_probe.outputs.logs import Complaints
from platform_probe.outputs.metrics import ProbeMetrics

_FROM_BOXES: Final = (
    TopicKind.RESULT,
    TopicKind.PRESENCE,
    TopicKind.STATE,
    TopicKind.TELEMETRY,
)
"""Presence before state: where a broker drops retained messages, the last ones go."""
_RETAINED: Final = (TopicKind.PRESENCE, TopicKind.STATE)
"""An empty payload clears them at the broker: the car is taken out of service."""
LOOKED_THROUGH_EVERY: Final = 64
"""Of the well-formed messages of a kind so many are read once more, for fields unknown to us."""
MAX_NAMED: Final = 100
"""Unknown fields that are logged: whoever makes up names must not fill the log."""
_SHOWN_BYTES: Final = 80


def subscriptions(*, watch: bool, group: str | None = None) -> tuple[str, ...]:
    """Return the topic filters of a probe; with `watch` also the commands that others send.

    Of a `group` each of those comes to one probe.
    """
    from_boxes = tuple(topic_of(kind, "+") for kind in _FROM_BOXES)
    if not watch:
        return from_boxes
    commands = topic_of(TopicKind.COMMAND, "+")
    return (*from_boxes, commands if group is None else f"$share/{group}/{commands}")


class Inbox:
    """Takes every message that a probe receives. `malformed` counts those that break the rules."""

    def __init__(
        self, tracker: AttemptTracker, metrics: ProbeMetrics, complaints: Complaints
    ) -> None:
        self._tracker = tracker
        self._metrics = metrics
        self._complaints = complaints
        self.malformed = 0
        self.taken = dict.fromkeys(TopicKind, 0)
        """Well-formed messages by kind."""
        self._named: set[tuple[TopicKind, str]] = set()
        """Unknown fields that the log has."""

    def take(self, message: Message) -> None:
        """Take one message. Never raises for what the message holds."""
        kind: TopicKind | None = None
        try:
            kind, vehicle_id = parse_topic(message.topic)
            if kind is TopicKind.COMMAND and self._is_known(message):
                return
            self._dispatch(kind, vehicle_id, message)
        except RemoteProtocolError as error:
            if kind in _RETAINED and not message.payload:
                self._tracker.removed(vehicle_id)
                return
            self.malformed += 1
            self._metrics.count_malformed(kind)
            self._complaints.complain(
                "malformed_message",
                kind.value if kind else "other",
                topic=message.topic,
                reason=error.reason,
                payload_starts=repr(message.payload[:_SHOWN_BYTES]),
                payload_bytes=len(message.payload),
            )

    def _is_known(self, message: Message) -> bool:
        """Return whether this is the copy of a command that we have: no need to read it.

        A platform that asks again may keep the correlation data, so the command's id counts.
        """
        correlation = message.correlation_data
        return (
            correlation is not None
            and self._tracker.knows(correlation.decode("latin-1"))
            and b'"command_id":"%b"' % correlation in message.payload
        )

    def _dispatch(self, kind: TopicKind, vehicle_id: str, message: Message) -> None:
        decoded = decode(kind, message.payload)
        taken = self.taken[kind]
        self.taken[kind] = taken + 1
        if taken % LOOKED_THROUGH_EVERY == 0:
            self._name_unknown_fields(kind, message)
        match decoded:
            case Telemetry():  # first: nearly all messages are heartbeats
                self._tracker.telemetry(vehicle_id, decoded)
            case Result():
                self._tracker.result(vehicle_id, decoded)
            case VehicleState():
                self._tracker.state(vehicle_id, decoded, retained=message.retain)
            case Presence():
                self._tracker.presence(vehicle_id, decoded, retained=message.retain)
            case Command() if message.retain:
                raise RemoteProtocolError("a command is retained: boxes would get it again")
            case Command() if is_of_a_probe(message.user_properties):
                self._tracker.pass_over(decoded.command_id)
            case Command():
                trace_id = trace_id_of(message.user_properties)
                self._tracker.command_seen(vehicle_id, decoded, trace_id)
            case _:
                raise RemoteProtocolError("not a message for the probe")

    def _name_unknown_fields(self, kind: TopicKind, message: Message) -> None:
        """Log fields that the contract does not know, each once: a firmware may be ahead of us."""
        fields = unknown_fields(kind, message.payload)
        named = self._named
        new = {name: value for name, value in fields.items() if (kind, name) not in named}
        if new and len(named) < MAX_NAMED:
            named.update((kind, name) for name in new)
            self._complaints.complain(
                "unknown_fields", kind.value, topic=message.topic, fields=repr(new)
            )
