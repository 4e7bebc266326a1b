"""What the broker model keeps: messages, sessions, and who subscribes to what."""

from __future__ import annotations

import math
import re
from collections import deque

from fleet_sim.broker.model.transport import Connection
from fleet_wire.links.link import Message, OnAck, PublishProperties, Will

LARGEST_PACKET = 268_435_455
"""The specification's limit in bytes, section 2.1.4."""
LAST_PACKET_ID = 65_535

_ONE_BYTE, _TWO_BYTES, _THREE_BYTES = 1 << 7, 1 << 14, 1 << 21
"""Below these a variable byte integer takes so many bytes (specification, section 1.5.5)."""
_MOST_BYTES_OF_LETTER = 4
_MOST_AROUND = 16
"""Bytes in a PUBLISH without properties besides topic and payload: 10 at most."""
_SHARED = "$share/"
_SHARED_PARTS = 3


class Publication:
    """A PUBLISH on its way: the client's until it is acknowledged, the broker's from its arrival.

    `expires_at_s` is in whole seconds of the broker's clock, as mosquitto counts them.
    """

    __slots__ = ("expires_at_s", "on_ack", "payload", "properties", "qos", "retain", "topic")

    def __init__(
        self,
        topic: str,
        payload: bytes,
        qos: int,
        retain: bool,  # noqa: FBT001
        properties: PublishProperties | None = None,
        on_ack: OnAck | None = None,
    ) -> None:
        self.topic = topic
        self.payload = payload
        self.qos = qos
        self.retain = retain
        self.properties = properties
        self.on_ack = on_ack
        self.expires_at_s: int | None = None

    def again(self) -> Publication:
        """Return a copy to send again: the broker may still hold the first."""
        return Publication(
            self.topic, self.payload, self.qos, self.retain, self.properties, self.on_ack
        )

    def is_larger_than(self, limit_bytes: int) -> bool:
        """Return whether the PUBLISH packet is above a limit."""
        if self.properties is None:
            most_bytes = len(self.payload) + _MOST_BYTES_OF_LETTER * len(self.topic) + _MOST_AROUND
            if most_bytes <= limit_bytes:
                return False
        return self.packet_bytes() > limit_bytes

    def packet_bytes(self) -> int:
        """Return the size of the PUBLISH packet."""
        properties_bytes = 0 if self.properties is None else _properties_bytes(self.properties)
        length = 2 + _bytes_of(self.topic) + 2 * self.qos + len(self.payload)
        length += _varint_bytes(properties_bytes) + properties_bytes
        return 1 + _varint_bytes(length) + length


def _bytes_of(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def _varint_bytes(value: int) -> int:
    if value < _ONE_BYTE:
        return 1
    if value < _TWO_BYTES:
        return 2
    return 3 if value < _THREE_BYTES else 4


def _properties_bytes(properties: PublishProperties) -> int:
    size = 0 if properties.expiry_s is None else 5
    if properties.response_topic is not None:
        size += 3 + _bytes_of(properties.response_topic)
    if properties.correlation_data is not None:
        size += 3 + len(properties.correlation_data)
    for name, value in properties.user_properties:
        size += 5 + _bytes_of(name) + _bytes_of(value)
    return size


class BrokerSession:
    """A session of one client: it may outlive its connection."""

    __slots__ = (
        "client_id",
        "connection",
        "expires_at_s",
        "filters",
        "in_flight",
        "is_resumed",
        "keepalive_s",
        "last_packet_id",
        "max_packet_bytes",
        "queue",
        "session_expiry_s",
        "will",
        "will_due_s",
        "window",
    )

    def __init__(self, client_id: str) -> None:
        self.client_id = client_id
        self.connection: Connection | None = None
        self.filters: tuple[str, ...] = ()
        self.keepalive_s = 0
        self.session_expiry_s = 0
        self.expires_at_s = math.inf
        """The last whole second of the broker's clock at which it lives, once it is offline."""
        self.will: Will | None = None
        self.will_due_s = 0.0
        self.is_resumed = False
        self.window = 0
        """How many messages may be in flight to the client: its receive maximum."""
        self.max_packet_bytes = 0
        self.last_packet_id = 0
        # Both are None while empty: that is most of the time, of most sessions.
        self.in_flight: dict[int, tuple[Publication, Message]] | None = None
        self.queue: deque[tuple[Publication, bool]] | None = None
        """What waits for the window or the client; each with the retain flag to deliver it with."""

    def has_room(self) -> bool:
        """Return whether the window is open."""
        return self.in_flight is None or len(self.in_flight) < self.window

    def next_packet_id(self) -> int:
        """Return the next packet id that is not in flight."""
        packet_id = self.last_packet_id % LAST_PACKET_ID + 1
        while self.in_flight is not None and packet_id in self.in_flight:
            packet_id = packet_id % LAST_PACKET_ID + 1
        self.last_packet_id = packet_id
        return packet_id

    def is_expired(self, clock_s: int) -> bool:
        """Return whether it is offline and has outlived its expiry."""
        return self.connection is None and self.expires_at_s < clock_s


def is_valid_filter(topic_filter: str) -> bool:
    """Return whether MQTT allows the filter (specification, sections 4.7 and 4.8.2)."""
    if topic_filter.startswith(_SHARED):
        parts = topic_filter.split("/", _SHARED_PARTS - 1)
        if len(parts) < _SHARED_PARTS or not parts[1] or "+" in parts[1] or "#" in parts[1]:
            return False
        topic_filter = parts[2]
    *inner, last = topic_filter.split("/")
    return bool(topic_filter) and all(
        level in ("+", "") or not ("+" in level or "#" in level)
        for level in (*inner, "" if last == "#" else last)
    )


def filter_pattern(topic_filter: str) -> re.Pattern[str]:
    """Return the regular expression of a filter: quick where very many topics are compared."""
    levels = topic_filter.split("/")
    ends_open = levels[-1] == "#"
    named = levels[:-1] if ends_open else levels
    pattern = "/".join("[^/]*" if level == "+" else re.escape(level) for level in named)
    if ends_open:
        pattern += "(/.*)?" if named else ".*"
    hides_system = "(?!\\$)" if levels[0] in ("+", "#") else ""
    return re.compile(hides_system + pattern, re.DOTALL)


class _Node:
    """One level of the tree of filters that have a wildcard or a group."""

    __slots__ = ("any_level", "children", "groups", "rest", "sessions")

    def __init__(self) -> None:
        self.children: dict[str, _Node] = {}
        self.any_level: _Node | None = None
        """Where `+` leads."""
        self.rest: _Node | None = None
        """Where `#` leads."""
        self.sessions: list[BrokerSession] = []
        self.groups: dict[str, list[BrokerSession]] = {}

    def after(self, level: str) -> _Node:
        """Return the node that a level of a filter leads to; make it where there is none."""
        if level == "+":
            self.any_level = self.any_level or _Node()
            return self.any_level
        if level == "#":
            self.rest = self.rest or _Node()
            return self.rest
        return self.children.setdefault(level, _Node())


class Subscriptions:
    """Who subscribes to what. A filter without wildcards costs one dictionary entry."""

    __slots__ = ("_exact", "_has_tree", "_tree")

    def __init__(self) -> None:
        self._exact: dict[str, BrokerSession | list[BrokerSession]] = {}
        self._tree = _Node()
        self._has_tree = False

    def add(self, topic_filter: str, session: BrokerSession) -> None:
        """Subscribe `session`, which is not subscribed to the filter yet."""
        if "+" in topic_filter or "#" in topic_filter or topic_filter.startswith(_SHARED):
            self._members(topic_filter).append(session)
            self._has_tree = True
            return
        known = self._exact.setdefault(topic_filter, session)
        if isinstance(known, list):
            known.append(session)
        elif known is not session:
            self._exact[topic_filter] = [known, session]

    def remove(self, topic_filter: str, session: BrokerSession) -> None:
        """Undo `add`."""
        known = self._exact.get(topic_filter)
        if known is None:
            self._members(topic_filter).remove(session)
        elif isinstance(known, list):
            known.remove(session)
            if len(known) == 1:
                self._exact[topic_filter] = known[0]
        else:
            del self._exact[topic_filter]

    def match(self, topic: str, clock_s: int) -> list[BrokerSession]:
        """Return who gets a message: each once for each filter, and one member of each group.

        The members of a group take turns, connected or not; only an expired one is passed over.
        """
        known = self._exact.get(topic)
        found = [] if known is None else [*known] if isinstance(known, list) else [known]
        if self._has_tree:
            groups: list[list[BrokerSession]] = []
            _search(self._tree, topic.split("/"), 0, found, groups)
            if groups:
                found.extend(_next_member(members, clock_s) for members in groups if members)
        return found

    def _members(self, topic_filter: str) -> list[BrokerSession]:
        group = None
        if topic_filter.startswith(_SHARED):
            _, group, topic_filter = topic_filter.split("/", _SHARED_PARTS - 1)
        node = self._tree
        for level in topic_filter.split("/"):
            node = node.after(level)
        return node.sessions if group is None else node.groups.setdefault(group, [])


def _search(
    node: _Node,
    levels: list[str],
    depth: int,
    found: list[BrokerSession],
    groups: list[list[BrokerSession]],
) -> None:
    """Collect what matches, in mosquitto's order: literal, then `+`, then `#`.

    As long as there is only one way on it goes it in a loop: this is done for every message.
    """
    while depth < len(levels):
        level = levels[depth]
        literal = node.children.get(level) if node.children else None
        any_level, rest = node.any_level, node.rest
        if depth == 0 and level.startswith("$"):
            any_level = rest = None
        depth += 1
        if rest is not None or (literal is not None and any_level is not None):
            for child in (literal, any_level):
                if child is not None:
                    _search(child, levels, depth, found, groups)
            if rest is not None:
                _take(rest, found, groups)
            return
        one = literal or any_level
        if one is None:
            return
        node = one
    _take(node, found, groups)
    if node.rest is not None:
        _take(node.rest, found, groups)


def _take(node: _Node, found: list[BrokerSession], groups: list[list[BrokerSession]]) -> None:
    found.extend(node.sessions)
    if node.groups:
        groups.extend(node.groups.values())


def _next_member(members: list[BrokerSession], clock_s: int) -> BrokerSession:
    for _ in range(len(members)):
        members.append(members.pop(0))
        if not members[-1].is_expired(clock_s):
            break
    return members[-1]
