"""Unlocks that two sources show, and the rules that join both sides.

Lines belong to one unlock if they share a command id, else a request, else a trace id. After these
counts the idempotency key with the car. Lines that share none of these can be joined by car,
booking and time.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec

from fleet_wire.contract.attempt import PROBE_STOPPED, Attempt
from fleet_wire.contract.platform_log import PlatformEvent
from platform_probe.measure.attempts.ended_attempt import EndedAttempt
from platform_probe.measure.attempts.platform_side import MAX_TOLD_OF, PlatformSide, agree, side_in

KeyT = TypeVar("KeyT")
LOOKED_BACK_S: Final = 1.0
"""How much older than its request a command may seem, when joined by car alone: clocks differ."""


class Joined(msgspec.Struct, gc=False, eq=False):
    """One unlock, as far as it is known. Never part of a cycle."""

    number: int
    """In the order in which they became known."""
    side: PlatformSide | None = None
    """The facts from the platform's log."""
    of_request: dict[str, PlatformSide] | None = None
    """The same of each request alone, where several are one unlock by their trace: the platform may
    make a command for each."""
    attempt: EndedAttempt | None = None
    """The unlock as MQTT showed it, when it has ended."""
    is_compared: bool = False
    """Whether the clocks were compared by that."""
    command_id: str | None = None
    trace_id: str | None = None
    """The trace id that MQTT showed."""
    key: tuple[str, str] | None = None
    """The key by which it is found: the digest of its idempotency key, and the car."""
    car: str | None = None
    attempt_id: str = ""
    """The id under which it was first written; empty before."""
    revision: int = 0
    """How often it was judged."""
    is_alone: bool = False
    """Whether it counts as one of which MQTT tells nothing."""
    is_ok_by_log: bool = False
    """Whether it counts as one of which the log alone tells that it went well."""
    due_at: float = math.inf
    """Up to when the log must have gone on before it is judged, as it was last looked up."""
    forget_s: float = math.inf
    is_cut_short: bool = False
    """Whether the monitor stopped before its end could be known."""
    evidence: dict[str, Any] | None = None
    """The evidence that an earlier process had of an unlock that it cut short."""
    is_closed: bool = False
    """Whether an earlier process has seen its end: the log's lines of it are no news."""
    is_apart: bool = False
    """Whether it can be found by its car."""
    is_gone: bool = False
    """Whether it was forgotten, or is a part of another."""


class JoinedIndex:
    """Finds the unlock that a line or an attempt is about.

    `on_united` gets two that proved to be one: the one that stays, and the other; `on_parted` of
    one that has lost a request, which proved to be another.
    """

    def __init__(
        self, on_united: Callable[[Joined, Joined], None], on_parted: Callable[[Joined], None]
    ) -> None:
        self._on_united = on_united
        self._on_parted = on_parted
        self._number = 0
        self._by_command: dict[str, Joined] = {}
        self._by_trace: dict[str, Joined] = {}
        self._by_key: dict[tuple[str, str], Joined] = {}
        """All unlocks, by their `Joined.key`."""
        self._by_request: dict[str, Joined] = {}
        self._by_car: dict[str, tuple[Joined, ...]] = {}
        """Unlocks with only one side so far, which may find the other by their car."""

    def take_event(self, event: PlatformEvent) -> tuple[Joined, bool]:
        """Add a line to its unlock; return the unlock, and whether the line is news."""
        joined = self._by_request.get(event.request_id)
        command_id, trace_id, car = event.command_id, event.trace_id, event.vehicle_id
        if joined is not None and joined.side is not None:
            side = joined.side
            if (
                (command_id is None or command_id == joined.command_id)
                and (trace_id is None or trace_id == side.trace_id)
                and (event.key_digest is None or event.key_digest == side.key_digest)
                and (car is None or car == joined.car)
                and joined.of_request is None
            ):  # found already by all that the line says: so for most
                return joined, side.add_event(event)
        if command_id is not None:
            if joined is not None and not agree(joined.command_id, command_id):
                joined = self._parted(joined, event.request_id)
            joined = self._merge(self._by_command.get(command_id), joined)
        joined = joined or self._match_by_trace_or_key(event) or self._new()
        if joined.side is None:
            joined.side = PlatformSide()
        _note_request(joined, joined.side, event)
        is_new = joined.side.add_event(event)
        self._by_request.setdefault(event.request_id, joined)
        return self._named(joined, joined.side), is_new

    def take_attempt(self, attempt: EndedAttempt) -> Joined:
        """Add an attempt that has ended on MQTT to its unlock, and return that."""
        start, command_id = attempt.start, attempt.command_id
        joined = self._by_command.get(command_id or "")
        if joined is None or joined.attempt is not None:
            joined = self._by_trace.get(start.trace_id)
            is_free = joined is not None and joined.attempt is None
            if not is_free or joined is None or not agree(joined.command_id, command_id):
                joined = self._new()
        self.no_longer_apart(joined)  # found by the car that its lines named
        joined.attempt, joined.car, joined.trace_id = attempt, start.vehicle_id, start.trace_id
        if command_id is not None:
            joined.command_id = command_id
            self._by_command[command_id] = joined
        self._by_trace.setdefault(start.trace_id, joined)
        return joined

    def of_command(self, command_id: str | None) -> Joined | None:
        """Return the unlock of a command, if it is known."""
        return self._by_command.get(command_id or "")

    def take_up(self, record: Attempt) -> Joined:
        """Restore an unlock that an earlier process judged, from its record."""
        joined = self._new()
        joined.side = side_in(record)
        joined.attempt_id, joined.revision = record.attempt_id, record.revision or 0
        joined.is_cut_short = record.reason == PROBE_STOPPED
        joined.is_closed = not joined.is_cut_short
        joined.evidence = record.evidence if joined.is_cut_short else None
        joined.car, joined.command_id = joined.side.vehicle_id, record.command_id
        if joined.command_id is not None:
            self._by_command.setdefault(joined.command_id, joined)
        self._by_trace.setdefault(record.trace_id, joined)
        return joined

    def leave_apart(self, joined: Joined) -> None:
        """Make a one-sided unlock findable by its car."""
        if joined.car is not None:
            if not joined.is_apart:
                self._by_car[joined.car] = (*self._by_car.get(joined.car, ()), joined)
            joined.is_apart = True

    def no_longer_apart(self, joined: Joined) -> None:
        """Make it no longer findable by its car."""
        if not joined.is_apart or joined.car is None:
            return
        joined.is_apart = False
        others = [other for other in self._by_car[joined.car] if other is not joined]
        if others:
            self._by_car[joined.car] = tuple(others)
        else:
            del self._by_car[joined.car]

    def join_by_car(self, joined: Joined, *, offset_s: float, within_s: float) -> None:
        """Join a one-sided unlock with the nearest other side of the same car, if there is one.

        `offset_s` is to add to the platform's times; a command comes `within_s` of its request.
        """
        apart = self._by_car.get(joined.car or "", ())
        fitting = [
            (abs(after_s), other)
            for other in apart
            if (after_s := _command_after_s(joined, other, offset_s)) is not None
            and -LOOKED_BACK_S <= after_s <= within_s
        ]
        if fitting:
            self._unite(joined, min(fitting, key=lambda pair: (pair[0], pair[1].number))[1])

    def forget(self, joined: Joined) -> None:
        """Forget an unlock: later lines are about another."""
        joined.is_gone = True
        self.no_longer_apart(joined)
        side = joined.side
        _take_out(self._by_key, joined.key, joined)
        _take_out(self._by_command, joined.command_id, joined)
        _take_out(self._by_trace, joined.trace_id, joined)
        if side is not None:
            _take_out(self._by_trace, side.trace_id, joined)
            for request_id in side.request_ids:
                _take_out(self._by_request, request_id, joined)

    # Within

    def _new(self) -> Joined:
        self._number += 1
        return Joined(self._number)

    def _match_by_trace_or_key(self, event: PlatformEvent) -> Joined | None:
        """Return what has a line's trace or else its key, and may have its command."""
        key = _key(event)
        by_key = None if key is None else self._by_key.get(key)
        for joined in (self._by_trace.get(event.trace_id or ""), by_key):
            if joined is not None and agree(joined.command_id, event.command_id):
                return joined
        return None

    def _merge(self, one: Joined | None, other: Joined | None) -> Joined | None:
        if one is None or other is None or one is other:
            return one or other
        return self._unite(one, other)

    def _parted(self, joined: Joined, request_id: str) -> Joined | None:
        """Separate a request from an unlock whose command is not its own; return its new unlock.

        None: it is of that unlock, and has made one more command.
        """
        parted = self._new()
        if joined.side is not None and joined.side.command_id is None:
            # No line has named the command: what MQTT told was found by the trace alone.
            parted.side, parted.of_request = joined.side, joined.of_request
            joined.side = joined.of_request = None
        elif joined.of_request is None or request_id not in joined.of_request:
            return None
        else:
            parted.side = joined.of_request.pop(request_id)
            first, *others = joined.of_request.values()
            joined.side = msgspec.structs.replace(first)
            for other in others:
                joined.side.merge(other)
            if not others:
                joined.of_request = None
        parted.car = parted.side.vehicle_id
        self._by_request.update(dict.fromkeys(parted.side.request_ids, parted))
        self._on_parted(joined)
        return parted

    def _named(self, joined: Joined, side: PlatformSide) -> Joined:
        """Make an unlock findable by all identifiers in its lines."""
        if joined.car is None:
            joined.car = side.vehicle_id
        if joined.command_id is None and side.command_id is not None:
            joined.command_id = side.command_id
            joined = self._merge(self._by_command.get(side.command_id), joined) or joined
            self._by_command[side.command_id] = joined
        if side.trace_id is not None:
            other = self._by_trace.setdefault(side.trace_id, joined)
            if other is not joined and _may_be_one(joined, other):
                joined = self._unite(joined, other)
        if joined.key is None and (key := _key(side)) is not None:
            other = self._by_key.setdefault(key, joined)
            if other is joined:
                joined.key = key
            elif _may_be_one(joined, other):
                joined = self._unite(joined, other)
        return joined

    def _unite(self, one: Joined, other: Joined) -> Joined:
        """Make one unlock of two; return it."""
        if one.side is not None and other.side is not None:
            if one.side.request_ids != other.side.request_ids:
                one.of_request = {**_each_request(one), **_each_request(other)}
            one.side.merge(other.side)
        elif one.side is None:
            one.side, one.of_request = other.side, other.of_request
        if one.attempt is None:
            one.attempt, one.is_compared = other.attempt, other.is_compared
            one.trace_id = other.trace_id
        one.command_id = one.command_id or other.command_id
        one.car = one.car or other.car
        one.key = one.key or other.key
        side = one.side
        self.forget(other)
        if one.command_id is not None:
            self._by_command[one.command_id] = one
        if one.trace_id is not None:
            self._by_trace[one.trace_id] = one
        if one.key is not None:
            self._by_key[one.key] = one
        if side is not None:
            self._by_request.update(dict.fromkeys(side.request_ids, one))
            if side.trace_id is not None:
                self._by_trace[side.trace_id] = one
        self._on_united(one, other)
        return one


def _note_request(joined: Joined, side: PlatformSide, event: PlatformEvent) -> None:
    """Keep the facts of each request apart, once an unlock has a second request."""
    if joined.of_request is None:
        if event.request_id in side.request_ids or not side.request_ids:
            return
        joined.of_request = _each_request(joined)
    if event.request_id not in joined.of_request:
        if len(joined.of_request) >= MAX_TOLD_OF:
            return
        joined.of_request[event.request_id] = PlatformSide()
    joined.of_request[event.request_id].add_event(event)


def _each_request(joined: Joined) -> dict[str, PlatformSide]:
    """Return the facts of each request of an unlock, by request id."""
    if joined.of_request is not None:
        return joined.of_request
    side = joined.side
    if side is None or not side.request_ids:
        return {}
    return {side.request_ids[0]: msgspec.structs.replace(side)}


def _take_out(index: dict[KeyT, Joined], key: KeyT | None, joined: Joined) -> None:
    if key is not None and index.get(key) is joined:
        del index[key]


def _key(said: PlatformEvent | PlatformSide) -> tuple[str, str] | None:
    """Return the key that joins requests with an idempotency key for one car; None: no key."""
    digest, car = said.key_digest, said.vehicle_id
    return None if digest is None or car is None else (digest, car)


def _may_be_one(one: Joined, other: Joined) -> bool:
    """Return whether two parts with one trace are one unlock, not two commands."""
    return agree(one.command_id, other.command_id) and (
        one.attempt is None or other.attempt is None
    )


def _command_after_s(one: Joined, other: Joined, offset_s: float) -> float | None:
    """Return how long after the request of one the command of the other was seen.

    None where they cannot be request and command of one unlock.
    """
    by_mqtt, by_log = (one, other) if one.attempt is not None else (other, one)
    attempt, side = by_mqtt.attempt, by_log.side
    if attempt is None or side is None or by_mqtt.side is not None or by_log.attempt is not None:
        return None
    start = attempt.start
    is_one = (
        agree(side.command_id, attempt.command_id)
        and agree(side.trace_id, start.named_trace_id)
        and agree(side.booking_id, start.booking_id)
        and not side.is_turned_down
    )
    return start.intended_s - side.first_at - offset_s if is_one else None
