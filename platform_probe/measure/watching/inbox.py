"""Sorts the broker's messages to the tracker. Breaches of the contract are counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from fleet_wire.contract.attempt import Flag
from fleet_wire.contract.broker_log import BROKER_LOG, broker_event_of, is_broker_log
from fleet_wire.contract.messages import (
    CarEvent,
    Command,
    Phase,
    Presence,
    Result,
    Telemetry,
    VehicleState,
)
from fleet_wire.contract.partial import (
    UNNAMED,
    ActionResult,
    PartialState,
    PartialTelemetry,
    ProvisionalResult,
)
from fleet_wire.contract.topics import NULL_BOXES, TopicKind
from fleet_wire.contract.trace_context import trace_context_of
from fleet_wire.error_text import OURS, with_place
from fleet_wire.errors import RemoteProtocolError
from fleet_wire.links.link import Message
from fleet_wire.profiles.native import NATIVE
from fleet_wire.profiles.profile import MessageContent, Profile, TopicSlot
from platform_probe.journal.feed import JournalFeed
from platform_probe.measure.attempts.tracker import AttemptTracker
from platform_probe.measure.doors.mqtt import is_of_a_probe
from platform_probe.measure.watching.known_values import KnownValues
from platform_probe.measure.watching.only_open import OnlyOpen
from platform_probe.outputs.logs import Complaints
from platform_probe.outputs.metrics import ProbeMetrics

_FROM_BOXES: Final = (
    TopicKind.RESULT,
    TopicKind.PRESENCE,
    TopicKind.STATE,
    TopicKind.TELEMETRY,
    TopicKind.EVENT,
)
"""Presence before state: where a broker drops retained messages, the last ones go."""
_RETAINED: Final = (TopicKind.PRESENCE, TopicKind.STATE)
"""An empty payload clears them at the broker: the car is taken out of service."""
LOOKED_THROUGH_EVERY: Final = 64
"""The interval of well-formed messages of a kind that are read once more, for fields unknown to us.
"""
MAX_NAMED: Final = 100
"""The most unknown fields that are logged: made-up names must not fill the log."""
_SHOWN_BYTES: Final = 80
_Read = tuple[TopicKind, str, Any, Message]
"""A message with its kind, its car and what it says: one of a closed set."""


def subscriptions(
    profile: Profile = NATIVE,
    *,
    watch: bool,
    broker_log: bool = False,
) -> tuple[str, ...]:
    """Return the topic filters of a probe; with `watch` also the commands that others send.

    With `broker_log` also what the broker itself says.
    """
    of_broker = (BROKER_LOG,) if broker_log else ()
    kinds = (*_FROM_BOXES, TopicKind.COMMAND) if watch else _FROM_BOXES
    return (*profile.filters(kinds), *of_broker)


class Inbox:
    """Takes every message that a probe receives. `malformed` counts those that break the rules.

    `only_open` gives ids to commands and answers that carry none, where the profile says so.
    `unix_s` is the clock by which lines of the broker's log are stamped, where that is followed.
    `values` bounds how many different values cars name.
    """

    def __init__(
        self,
        tracker: AttemptTracker,
        metrics: ProbeMetrics,
        complaints: Complaints,
        *,
        profile: Profile = NATIVE,
        only_open: OnlyOpen | None = None,
        unix_s: Callable[[], float] | None = None,
        values: KnownValues,
    ) -> None:
        self._values = values
        self._tracker = tracker
        self.journal: JournalFeed | None = None
        """Gets all that is heard of cars and from the broker, before the tracker follows it."""
        self._profile = profile
        self._slots, self._read = profile.slots_of, profile.read
        self._only_open = only_open
        self._unix_s = unix_s
        self._metrics = metrics
        self._complaints = complaints
        self.malformed = 0
        self.taken = dict.fromkeys(TopicKind, 0)
        """Well-formed messages by kind."""
        self._named: set[tuple[TopicKind, str]] = set()
        """Unknown fields that the log has."""
        self._failed: set[str] = set()
        """Topics whose messages led to a defect that the log has."""
        self.on_defect: Callable[[Exception], None] = lambda _: None
        """Called with each defect, besides metric and log: a simulated run fails by it."""

    def handle_message(self, message: Message) -> None:
        """Handle one message. Never raises for what the message holds."""
        self.handle_messages((message,))

    def handle_messages(self, messages: Sequence[Message]) -> None:
        """Handle messages that arrived together: all are read, then all are heard, then followed.

        In turns each of the three finds its code gone from the caches, see docs/decisions/0011.
        """
        read: list[_Read] = []
        for message in messages:
            if self._unix_s is not None and is_broker_log(message.topic):
                self._hand_on(read)
                self._take_broker_log(message, self._unix_s())
                continue
            kind: TopicKind | None = None
            vehicle_id = ""
            try:
                for slot in self._slots(message):
                    kind, vehicle_id, _ = slot
                    if kind is TopicKind.COMMAND and self._is_copy_of_own_command(message):
                        data = message.correlation_data or b""
                        self._tracker.command_again(data.decode("latin-1"))
                        continue
                    vehicle_id, decoded = self._read(slot, message)
                    taken = self.taken[kind]
                    self.taken[kind] = taken + 1
                    if taken % LOOKED_THROUGH_EVERY == 0:
                        self._name_unknown_fields(slot, message)
                    # `isinstance` takes long for a struct.
                    if type(decoded) is VehicleState or type(decoded) is PartialState:
                        decoded = self._values.bound_state(decoded, vehicle_id)
                    if decoded is not None:  # else of no concern, as the profile says
                        read.append((kind, vehicle_id, decoded, message))
            except RemoteProtocolError as error:
                self._hand_on(read)
                self._refuse(kind, vehicle_id, message, error)
            except Exception as error:  # noqa: BLE001 - a defect of ours: others go on
                self._note_defect(kind, message, error)
        self._hand_on(read)

    def _hand_on(self, read: list[_Read]) -> None:
        """Pass the messages to the journal and the tracker, and forget them.

        The tracker alone has what null boxes say: it times them, and they are no cars.
        """
        if self.journal is not None:
            hear = self.journal.on_message
            for kind, vehicle_id, decoded, message in read:
                if vehicle_id.startswith(NULL_BOXES):
                    continue
                try:
                    hear(kind, vehicle_id, decoded, is_retained=message.retain)
                except Exception as error:  # noqa: BLE001 - a defect of ours: others go on
                    self._note_defect(kind, message, error)
        follow = self._follow
        for kind, vehicle_id, decoded, message in read:
            try:
                follow(vehicle_id, decoded, message)
            except RemoteProtocolError as error:
                self._refuse(kind, vehicle_id, message, error)
            except Exception as error:  # noqa: BLE001 - a defect of ours: others go on
                self._note_defect(kind, message, error)
        read.clear()

    def _take_removed(self, vehicle_id: str, message: Message) -> None:
        """Handle the removal of a car from service."""
        for part in (self._tracker, self.journal):
            try:
                if part is not None:
                    part.removed(vehicle_id)
            except Exception as error:  # noqa: BLE001 - a defect of ours: others go on
                self._note_defect(None, message, error)

    def _note_defect(self, kind: TopicKind | None, message: Message, error: Exception) -> None:
        """Count a message at which code of ours failed, and log it once for its topic.

        The link must stay: the broker would send a retained message again at each connection.
        """
        self._metrics.message_defects[kind].inc()
        self.on_defect(error)
        if message.topic in self._failed or len(self._failed) >= MAX_NAMED:
            return
        self._failed.add(message.topic)
        self._complaints.complain(
            "message_defect",
            message.topic,
            error=with_place(error, *OURS),
            payload_starts=repr(message.payload[:_SHOWN_BYTES]),
        )

    def _refuse(
        self,
        kind: TopicKind | None,
        vehicle_id: str,
        message: Message,
        error: RemoteProtocolError,
    ) -> None:
        """Count a message that breaks the contract: also for its car, which has sent it.

        An empty one of a retained kind removes its car.
        """
        if kind in _RETAINED and not message.payload:
            self._take_removed(vehicle_id, message)
            return
        self.malformed += 1
        if kind in _FROM_BOXES and not message.retain:
            self._tracker.unread(vehicle_id, kind)
        self._metrics.malformed[kind].inc()
        self._complaints.complain(
            "malformed_message",
            kind.value if kind else "other",
            topic=message.topic,
            reason=error.reason,
            payload_starts=repr(message.payload[:_SHOWN_BYTES]),
            payload_bytes=len(message.payload),
        )

    def _take_broker_log(self, message: Message, at: float) -> None:
        """Handle a line of the broker's log; most of them have no use here."""
        try:
            event = broker_event_of(message.payload, at)
            if event is not None:
                self._tracker.evidence.broker.add(event)
                if self.journal is not None:
                    self.journal.broker_said(event)
        except Exception as error:  # noqa: BLE001 - a defect of ours: others go on
            self._note_defect(None, message, error)

    def _is_copy_of_own_command(self, message: Message) -> bool:
        """Return whether this is the copy of a command that we have: no need to read it.

        A platform that asks again may keep the correlation data, so the command's id counts.
        """
        correlation = message.correlation_data
        return (
            correlation is not None
            and self._tracker.knows(correlation.decode("latin-1"))
            and b'"command_id":"%b"' % correlation in message.payload
        )

    def _follow(self, vehicle_id: str, decoded: Any, message: Message) -> None:
        """Pass a message to the tracker.

        Raises `RemoteProtocolError` for a message of the wrong kind.
        """
        kind = type(decoded)  # one comparison each; `match` needs three
        if kind is Telemetry or kind is PartialTelemetry:  # first: nearly all are heartbeats
            if not message.retain:  # else nobody knows when it was sent
                self._tracker.telemetry(vehicle_id, decoded)
        elif kind is Result:
            if self._only_open is not None:
                decoded = self._flagged(*self._only_open.answer(vehicle_id, decoded))
            self._tracker.result(vehicle_id, decoded)
        elif kind is VehicleState or kind is PartialState:
            self._tracker.state(vehicle_id, decoded, retained=message.retain)
        elif kind is Command:
            self._take_command(vehicle_id, decoded, message)
        elif kind is Presence:
            self._tracker.presence(vehicle_id, decoded, retained=message.retain)
        else:
            self._follow_rare(vehicle_id, decoded)

    def _follow_rare(self, vehicle_id: str, decoded: MessageContent) -> None:
        match decoded:
            case CarEvent():
                self._tracker.event(vehicle_id)
            case ProvisionalResult():
                self._tracker.provisional(decoded)
            case ActionResult():
                self._take_report(vehicle_id, decoded)
            case _:
                raise RemoteProtocolError("not a message for the probe")

    def _flagged(self, result: Result, is_guess: bool) -> Result:  # noqa: FBT001 - as it is found
        """Return an answer, and flag its unlock where its command is a guess."""
        if is_guess:
            self._tracker.flag(result.command_id, Flag.ANSWER_GUESSED)
        return result

    def _take_report(self, vehicle_id: str, report: ActionResult) -> None:
        """Handle a report of a state: an answer, if a command has asked for that."""
        result = report.result
        if self._only_open is not None:
            result = self._flagged(*self._only_open.report(vehicle_id, report))
        if result.command_id != UNNAMED:
            self._tracker.result(vehicle_id, result)

    def _take_command(self, vehicle_id: str, command: Command, message: Message) -> None:
        if message.retain:
            raise RemoteProtocolError("a command is retained: boxes would get it again")
        named: Command | None = command
        if self._only_open is not None:
            named = self._only_open.command(vehicle_id, command)
        if named is None:
            return  # a copy of our own
        if is_of_a_probe(message.user_properties):
            self._tracker.pass_over(named.command_id)
        else:
            trace = trace_context_of(message.user_properties)
            self._tracker.command_seen(vehicle_id, named, trace)
        if self._only_open is not None and self._only_open.is_reported(vehicle_id, named.action):
            there = Result(UNNAMED, Phase.EXECUTED)
            self._take_report(vehicle_id, ActionResult(there, named.action))

    def _name_unknown_fields(self, place: TopicSlot, message: Message) -> None:
        """Log fields that the contract does not know, each once: a firmware may be ahead of us."""
        kind = place[0]
        fields = self._profile.unknown_fields(place, message.payload)
        named = self._named
        new = {name: value for name, value in fields.items() if (kind, name) not in named}
        if new and len(named) < MAX_NAMED:
            named.update((kind, name) for name in new)
            self._complaints.complain(
                "unknown_fields", kind.value, topic=message.topic, fields=repr(new)
            )
