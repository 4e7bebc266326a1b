"""Subscriptions at the broker model."""

from __future__ import annotations

import re
from collections.abc import Callable

from fleet_sim.broker.model.session import BrokerSession

_SHARED = "$share/"
_SHARED_PARTS = 3
MOST_FOUND = 65_536
"""Topics whose subscribers are remembered: those of 10,000 cars at least."""


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


def _is_in_tree(topic_filter: str) -> bool:
    return "+" in topic_filter or "#" in topic_filter or topic_filter.startswith(_SHARED)


class _Node:
    """One level of the tree of filters that have a wildcard or a group."""

    __slots__ = ("any_level", "children", "groups", "rest", "sessions")

    def __init__(self) -> None:
        self.children: dict[str, _Node] = {}
        self.any_level: _Node | None = None
        """The child for `+`."""
        self.rest: _Node | None = None
        """The child for `#`."""
        self.sessions: list[BrokerSession] = []
        self.groups: dict[str, list[BrokerSession]] = {}

    def child_for(self, level: str) -> _Node:
        """Return the node that a level of a filter leads to; make it where there is none."""
        if level == "+":
            self.any_level = self.any_level or _Node()
            return self.any_level
        if level == "#":
            self.rest = self.rest or _Node()
            return self.rest
        return self.children.setdefault(level, _Node())


class Subscriptions:
    """The subscribers of each topic filter.

    A filter without wildcards costs one dictionary entry.
    """

    __slots__ = ("_exact", "_found", "_has_tree", "_tree")

    def __init__(self) -> None:
        self._exact: dict[str, BrokerSession | list[BrokerSession]] = {}
        self._tree = _Node()
        self._has_tree = False
        self._found: dict[str, tuple[BrokerSession, ...]] = {}
        """Who gets a topic's messages, where no group does, until a filter that matches changes."""

    def add(self, topic_filter: str, session: BrokerSession) -> None:
        """Subscribe `session`, which is not subscribed to the filter yet."""
        self._forget_found(topic_filter)
        if _is_in_tree(topic_filter):
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
        self._forget_found(topic_filter)
        known = self._exact.get(topic_filter)
        if known is None:
            self._members(topic_filter).remove(session)
        elif isinstance(known, list):
            known.remove(session)
            if len(known) == 1:
                self._exact[topic_filter] = known[0]
        else:
            del self._exact[topic_filter]

    def match(self, topic: str, clock_s: Callable[[], int]) -> tuple[BrokerSession, ...]:
        """Return who gets a message: each once for each filter, and one member of each group.

        The members of a group take turns, connected or not; only an expired one is passed over.
        """
        found = self._found.get(topic)
        return self._search_all(topic, clock_s) if found is None else found

    def _search_all(self, topic: str, clock_s: Callable[[], int]) -> tuple[BrokerSession, ...]:
        """Search the filters for a topic, and remember what is found without a group."""
        known = self._exact.get(topic)
        found = [] if known is None else [*known] if isinstance(known, list) else [known]
        groups: list[list[BrokerSession]] = []
        if self._has_tree:
            self._search_tree(topic.split("/"), found, groups)
        if groups:
            now_s = clock_s()
            found.extend(_next_member(members, now_s) for members in groups if members)
            return tuple(found)
        if len(self._found) >= MOST_FOUND:
            self._found.clear()
        self._found[topic] = subscribers = tuple(found)
        return subscribers

    def _forget_found(self, topic_filter: str) -> None:
        if _is_in_tree(topic_filter):
            self._found.clear()
        else:
            self._found.pop(topic_filter, None)

    def _search_tree(
        self, levels: list[str], found: list[BrokerSession], groups: list[list[BrokerSession]]
    ) -> None:
        if levels[0].startswith("$"):  # no wildcard in front matches the broker's own topics
            system = self._tree.children.get(levels[0])
            if system is not None:
                _search(system, levels[1:], found, groups)
        else:
            _search(self._tree, levels, found, groups)

    def _members(self, topic_filter: str) -> list[BrokerSession]:
        group = None
        if topic_filter.startswith(_SHARED):
            _, group, topic_filter = topic_filter.split("/", _SHARED_PARTS - 1)
        node = self._tree
        for level in topic_filter.split("/"):
            node = node.child_for(level)
        return node.sessions if group is None else node.groups.setdefault(group, [])


def _search(
    node: _Node,
    levels: list[str],
    found: list[BrokerSession],
    groups: list[list[BrokerSession]],
) -> None:
    """Collect what matches, in mosquitto's order: literal, then `+`, then `#`.

    A loop follows the levels as long as only one child matches: this runs for every message.
    """
    for depth, level in enumerate(levels, 1):
        literal = node.children.get(level) if node.children else None
        any_level, rest = node.any_level, node.rest
        if rest or (literal and any_level):
            for child in (literal, any_level):
                if child is not None:
                    _search(child, levels[depth:], found, groups)
            if rest is not None:
                _collect_subscribers(rest, found, groups)
            return
        one = literal or any_level
        if one is None:
            return
        node = one
    _collect_subscribers(node, found, groups)
    if node.rest is not None:
        _collect_subscribers(node.rest, found, groups)


def _collect_subscribers(
    node: _Node, found: list[BrokerSession], groups: list[list[BrokerSession]]
) -> None:
    found.extend(node.sessions)
    if node.groups:
        groups.extend(node.groups.values())


def _next_member(members: list[BrokerSession], clock_s: int) -> BrokerSession:
    for _ in range(len(members)):
        members.append(members.pop(0))
        if not members[-1].is_expired(clock_s):
            break
    return members[-1]
