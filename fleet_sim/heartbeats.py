"""Heartbeat batches: one packet carries the predictable heartbeats of many cars.

In virtual time most events are heartbeats, and nearly all are predictable: the same car on the same
connection, its fields functions of the time. Cars whose heartbeats fall due together form a
`Routine`. One packet, a `Round`, stands for all their heartbeats of a moment, on its path through
the broker to the monitor's link, which unpacks it.

A car joins when a heartbeat of its own has been delivered. It leaves before a change of its fields
or of its connection, and its next heartbeat is an ordinary message. A round that meets anything
unusual on its path is split into messages. The result is the same as with single messages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from fleet_wire.contract.codec import encode
from fleet_wire.contract.messages import Telemetry
from fleet_wire.contract.topics import TopicKind, topic_of
from fleet_wire.links.link import Message

MOST_KEPT = 64
"""Rounds after which all catch up, so that a routine stays small. A higher limit saves nothing:
catching up costs some microseconds, for one heartbeat or many."""


class Speaker(Protocol):
    """A box, as its routine knows it."""

    @property
    def vehicle_id(self) -> str:
        """Return the car's id."""
        ...

    def telemetry_at(self, at_s: float) -> Telemetry:
        """Return what a heartbeat says at a simulated second, as the car is now."""
        ...

    def joined(self, routine: Routine) -> None:
        """Handle that `routine` sends the coming heartbeats."""
        ...

    def left(self) -> None:
        """Handle that the box sends its heartbeats itself again."""
        ...

    def catch_up(self) -> None:
        """Do what sending the heartbeats so far does to a box; they are about to be forgotten."""
        ...


class HeartbeatConnection(Protocol):
    """The connection that heartbeats go over."""

    member: Member | None
    last_sent_s: float


class Member:
    """A car that may join a routine, is in it, or was."""

    __slots__ = ("is_in", "is_offered", "number", "routine", "speaker", "way")

    def __init__(self, routine: Routine, number: int, speaker: Speaker) -> None:
        self.routine = routine
        self.number = number
        """Its turn among the cars of one moment."""
        self.speaker = speaker
        self.way: HeartbeatConnection | None = None
        """Set by the link, with the heartbeat that offers the rest."""
        self.is_offered = True
        """Whether nothing has changed since that was sent."""
        self.is_in = False

    @property
    def topic(self) -> str:
        """Return the topic of the car's heartbeats."""
        return topic_of(TopicKind.TELEMETRY, self.speaker.vehicle_id)

    def join(self) -> None:
        """Join the routine, once a single heartbeat has reached the only one who hears them."""
        if not self.is_offered:
            return
        self.is_offered, self.is_in = False, True
        self.routine.add(self)
        self.speaker.joined(self.routine)

    def leave(self) -> None:
        """Leave the routine, before something about the car or its connection changes."""
        self.is_offered = False
        if not self.is_in:
            return
        self.routine.remove(self)
        self.speaker.catch_up()
        self.is_in = False
        self.speaker.left()
        way, sent = self.way, self.routine.sent_s
        if way is not None:
            way.member = None
            way.last_sent_s = max(way.last_sent_s, sent)


class Round:
    """The heartbeats of a routine's members of one moment."""

    __slots__ = ("_parts", "_routine", "sent_s")

    def __init__(self, routine: Routine, sent_s: float) -> None:
        self._routine = routine
        self.sent_s = sent_s
        self._parts: list[tuple[Member, bytes]] | None = None

    @property
    def is_intact(self) -> bool:
        """Return whether nobody has joined or left since it was sent."""
        return self._parts is None

    @property
    def first(self) -> Member:
        """Return the member whose turn is first."""
        members = self._routine.members
        return members[min(members)]

    def split(self) -> list[tuple[Member, bytes]]:
        """Return the payload that each member has sent, in order, and be whole no longer."""
        if self._parts is None:
            self._parts = [
                (member, encode(member.speaker.telemetry_at(self.sent_s)))
                for member in self._routine.in_order()
            ]
            self._routine.out.remove(self)
        return self._parts

    def messages(self) -> Iterator[Message]:
        """Yield each heartbeat as the message that would have come."""
        for member, payload in self.split():
            yield Message(member.topic, payload, 0, False, False, None, None, None, None, [])  # noqa: FBT003 - in order


class Routine:
    """Cars whose heartbeats fall due in the same moments."""

    __slots__ = (
        "every_s",
        "members",
        "on_change",
        "out",
        "sent",
        "sent_s",
    )

    def __init__(self, every_s: float, on_change: Callable[[], None]) -> None:
        self.every_s = every_s
        """Seconds between two batches."""
        self.members: dict[int, Member] = {}
        """Members by their turn."""
        self.sent: list[float] = []
        """When rounds were sent, those that all have caught up with aside."""
        self.sent_s = 0.0
        """When the last one was."""
        self.out: list[Round] = []
        """Those that are on their way, whole."""
        self.on_change = on_change
        """Called when a car has joined or left."""

    def send(self, now_s: float) -> Round:
        """Return the round of a moment; there are members."""
        if len(self.sent) >= MOST_KEPT:
            self._forget()
        self.sent.append(now_s)
        self.sent_s = now_s
        round_ = Round(self, now_s)
        self.out.append(round_)
        return round_

    def in_order(self) -> list[Member]:
        """Return the members by their turn."""
        return [self.members[number] for number in sorted(self.members)]

    def add(self, member: Member) -> None:
        """Add a car."""
        self._split_rounds()
        self.members[member.number] = member
        self.on_change()

    def remove(self, member: Member) -> None:
        """Remove a car."""
        self._split_rounds()
        del self.members[member.number]
        self.on_change()

    def _split_rounds(self) -> None:
        for round_ in tuple(self.out):
            round_.split()

    def _forget(self) -> None:
        for member in self.members.values():
            member.speaker.catch_up()
        self.sent.clear()
        for member in self.members.values():
            member.speaker.joined(self)
