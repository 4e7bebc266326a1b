"""The messages of one car over time, as far as a diagnosis needs them. Bounded; no I/O.

All times are seconds on the monitor's monotonic clock. What is empty is `()`, which costs nothing:
most cars have little to tell most of the time.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from operator import sub
from typing import Final, TypeVar

from fleet_wire.contract.messages import (
    CarEvent,
    EventName,
    Phase,
    Presence,
    Result,
    Telemetry,
    VehicleState,
)
from fleet_wire.contract.partial import PartialState, PartialTelemetry
from platform_probe.cars.state import MAX_KINDS, CarState, Labels, Session
from platform_probe.judge.diagnosis.entries import (
    Answer,
    BrokerWord,
    Change,
    LockMove,
    PastAttempt,
)
from platform_probe.judge.diagnosis.neighbours import Place

BURST_S: Final = 0.5
"""Messages so close to each other are one burst: what was delayed comes with the next."""
_TELEMETRY: Final = PartialTelemetry.__struct_fields__
BY_COMMAND_S: Final = 6.0
"""Longer than a command takes to a box that is awake, and to a crash of it [E]."""
KEPT: Final = 8
"""Events of a kind that are kept of a car: a car that flaps every few seconds fills them."""
ATTEMPTS_S: Final = 6 * 3600.0
"""An unlock that began so long before another one of the car says nothing of it."""
BOUNCED_S: Final = 3.0
"""A lock that springs back does so within a second (Fiat/Alfa E3040), and its report [E]."""
KEY_EXPIRED: Final = "ble_key_expired"
KEPT_EVENTS: Final = 24
_PLACES: Final = ("region", "operator", "firmware", "hardware", "technology")
HOURS_S: Final = 4 * 3600.0
"""A voltage that fell over longer than this fell by use, not by a fault [E]."""


KeptT = TypeVar("KeptT")
_Kept = list[KeptT] | tuple[KeptT, ...]
"""The latest of a kind, the oldest first; a tuple while there is at most one."""


class CarHistory(CarState):
    """The state of a car, with its latest messages."""

    __slots__ = (
        "_interval_s",
        "ajar_s",
        "answers",
        "attempts",
        "beats",
        "booted_before_s",
        "booted_s",
        "boots",
        "broker_words",
        "changes",
        "commanded",
        "connected_s",
        "data_used_bytes",
        "doors",
        "events",
        "firmware_changed_s",
        "heard",
        "keepalive_s",
        "key_expired_s",
        "kinds",
        "locks",
        "low_voltage_s",
        "peak_at_s",
        "peak_dbm",
        "peak_v",
        "position_age_s",
        "ran_unconnected_s",
        "signal_dbm",
        "signals",
        "stood",
        "updating_s",
    )

    def __init__(self) -> None:
        super().__init__()
        self.stood: Session | None = None
        """The presence before the first of `changes`."""
        self.changes: _Kept[Change] = ()
        """The latest changes of presence, the oldest first; retained ones are none."""
        self.commanded: _Kept[float] = ()
        """When the latest commands were sent to it, of any action, repeated ones too."""
        self.beats: _Kept[float] = ()
        """When the latest heartbeats came."""
        self.connected_s = 0.0
        """When it connected last; 0: never, as far as was seen."""
        self.heard: _Kept[float] = ()
        """When it last sent anything else."""
        self.kinds: dict[tuple[str, ...], _Kept[float]] | None = None
        """When the latest heartbeats of each kind came, where one says only a part."""
        self._interval_s: float | None = None
        """`interval_s`, if it was asked for since the latest heartbeat."""
        self.peak_v = 0.0
        self.peak_at_s = 0.0
        self.low_voltage_s: float | None = None
        """When it last told that its battery is low."""
        self.signal_dbm: float | None = None
        self.peak_dbm: float | None = None
        """The best signal that it had."""
        self.locks: _Kept[LockMove] = ()
        self.doors: _Kept[float] = ()
        """When a door was opened, the latest last."""
        self.ajar_s: float | None = None
        """Since when a door is open, as far as its states say."""
        self.signals: dict[str, bool | str] | None = None
        """Other differences from an ordinary parked car."""
        self.answers: _Kept[Answer] = ()
        self.attempts: _Kept[PastAttempt] = ()
        self.broker_words: _Kept[BrokerWord] = ()
        self.boots: int | None = None
        self.booted_s: float | None = None
        self.booted_before_s: float | None = None
        """When it booted last, as far as it says, and the time before."""
        self.ran_unconnected_s: float | None = None
        """Its uptime when it reported that boot, as far as heartbeats show; None: they say none."""
        self.keepalive_s: float | None = None
        """After how long without a packet it pings, as the broker's log says."""
        self.updating_s: float | None = None
        self.firmware_changed_s: float | None = None
        self.events: _Kept[float] = ()
        """When its latest events came, boots aside."""
        self.data_used_bytes: int | None = None
        self.position_age_s: float | None = None
        self.key_expired_s: float | None = None
        """The time when it last reported a refused offline key."""

    # Messages

    def take_presence(self, presence: Presence, now_s: float, *, retained: bool) -> Session:
        """Note a presence message, and return what it means."""
        session = super().take_presence(presence, now_s, retained=retained)
        if not retained:
            self._note_change(session, now_s)
        elif not self.changes:
            self.stood = self.standing
        return session

    def take_sign_of_life(self, now_s: float) -> None:
        """Note that the box itself has sent something other than a heartbeat."""
        self.heard_s = now_s
        self.heard = _with_newest(self.heard, now_s)

    def take_session(self, session: Session, now_s: float) -> None:
        """Note what the broker's log says of the connection, where no presence is to be had."""
        self.standing = session
        self._note_change(session, now_s)

    def take_command(self, now_s: float) -> None:
        """Note a command to it."""
        self.commanded = _with_newest(self.commanded, now_s)

    @property
    def commands_known_since_s(self) -> float:
        """Return from when on all commands to it are known, monotonic seconds."""
        return self.commanded[0] if len(self.commanded) == KEPT else -math.inf

    def is_after_command(self, at_s: float) -> bool:
        """Return whether a command was sent to it in the seconds before a moment."""
        return seconds_after_command(at_s, self.commanded) is not None

    def take_telemetry(self, telemetry: Telemetry | PartialTelemetry, now_s: float) -> None:
        """Note a heartbeat."""
        super().take_telemetry(telemetry, now_s)
        self.beats = _with_beat(self.beats, now_s)
        self._interval_s = None
        if type(telemetry) is PartialTelemetry:  # `isinstance` takes long for a struct
            self._note_kind(telemetry, now_s)
        voltage_v = telemetry.voltage_v
        if voltage_v is not None:
            self._note_voltage(voltage_v, now_s)
        signal_dbm = telemetry.signal_dbm
        if signal_dbm is not None:
            self.signal_dbm = signal_dbm
            if self.peak_dbm is None or signal_dbm > self.peak_dbm:
                self.peak_dbm = signal_dbm
        if telemetry.position_age_s is not None:
            self.position_age_s = telemetry.position_age_s
        if telemetry.data_used_bytes is not None:
            self.data_used_bytes = int(telemetry.data_used_bytes)
        if telemetry.boots is not None and telemetry.boots != self.boots:
            self._note_boot(int(telemetry.boots), now_s - (telemetry.uptime_s or 0.0))
        elif telemetry.uptime_s is not None and self.booted_s is not None:
            ran_s = self.booted_s - (now_s - telemetry.uptime_s)
            self.ran_unconnected_s = max(ran_s, self.ran_unconnected_s or 0.0)
        if telemetry.uptime_s is not None and self.ran_unconnected_s is None:
            self.ran_unconnected_s = 0.0

    def take_state(
        self, state: VehicleState | PartialState, now_s: float, *, retained: bool
    ) -> bool:
        """Note what the car is like; return whether its lock or a door has moved."""
        firmware = self.labels.firmware
        has_moved = super().take_state(state, now_s, retained=retained)
        if has_moved:
            move = LockMove(now_s, bool(state.is_locked), state.last_command_id)
            self.locks = _with_newest(self.locks, move)
        if state.voltage_v is not None:
            self._note_voltage(state.voltage_v, now_s)
        if firmware is not None and not retained and state.firmware not in (None, firmware):
            self.firmware_changed_s = now_s
        is_open = getattr(state, "is_open", None)
        if is_open is not None:
            has_moved |= self._note_door(is_open=is_open, now_s=now_s)
        signals = getattr(state, "signals", None)
        if signals != self.signals:
            self.signals = signals
            has_moved = True
        return has_moved

    def take_event(self, event: CarEvent, now_s: float) -> None:
        """Note that something has happened to the box."""
        self.take_sign_of_life(now_s)
        if event.event == EventName.BOOT:
            self._note_boot(event.boots, now_s)
        elif event.event == EventName.UPDATE:
            self.updating_s = now_s
        elif event.event == KEY_EXPIRED:
            self.key_expired_s = now_s
        elif event.event == EventName.LOW_VOLTAGE:
            self.low_voltage_s = now_s
        else:
            self.events = _with_newest(self.events, now_s, most=KEPT_EVENTS)

    def take_answer(self, result: Result, now_s: float, unix_s: float) -> None:
        """Note an answer to a command, with what the box's clock says; a repeated one is old."""
        self.take_sign_of_life(now_s)
        if self.has_answered(result.command_id, result.phase):
            return
        box_s = None if result.box_time_ms is None else result.box_time_ms / 1000
        ahead_s = None if box_s is None else box_s - unix_s
        answer = Answer(result.command_id, result.phase, box_s, ahead_s)
        self.answers = _with_newest(self.answers, answer)

    def take_attempt(self, past: PastAttempt) -> None:
        """Note an unlock that has ended; the later word on the same one replaces the earlier."""
        since_s, attempt_id = past.began_s - ATTEMPTS_S, past.attempt_id
        kept = [
            one for one in self.attempts if one.attempt_id != attempt_id and one.began_s >= since_s
        ]
        if len(kept) < len(self.attempts):
            self.attempts = kept
        self.attempts = _with_newest(self.attempts, past)

    def take_broker_word(self, word: BrokerWord) -> None:
        """Note what the broker's log says of the car's client."""
        self.broker_words = _with_newest(self.broker_words, word)

    # What is asked

    @property
    def shared_traits(self) -> tuple[Place, ...]:
        """The traits that it shares with other cars; equal cars share one object."""
        return traits_of_labels(self.labels)

    @property
    def interval_s(self) -> float | None:
        """The usual time between two heartbeats of one kind; None: it is not known yet.

        It is the median of the latest intervals of the most frequent kind: a delayed message is
        followed by the next one too soon.
        """
        if self._interval_s is None:
            if self.kinds is None:
                self._interval_s = _usual_gap_s(self.beats)
            else:
                gaps = map(_usual_gap_s, self.kinds.values())
                self._interval_s = min((gap_s for gap_s in gaps if gap_s is not None), default=None)
        return self._interval_s

    def has_answered(self, command_id: str, phase: Phase) -> bool:
        """Return whether it has lately given this answer to a command."""
        for one in self.answers:  # noqa: SIM110 - for every answer: a generator costs as much again
            if one.phase is phase and one.command_id == command_id:
                return True
        return False

    def clock_ahead_s(self, command_id: str | None, sent_unix_s: float) -> float | None:
        """Return how far its clock is ahead of ours, as far as its answers say; None: not at all.

        An answer that was delayed makes the clock seem to be behind, so the largest difference
        counts. A clock that answered a command before it was sent by this much is behind at least.
        In between a clock is taken to be right.
        """
        said_s = [one.ahead_s for one in self.answers if one.ahead_s is not None]
        if not said_s:
            return None
        at_least_s = max(said_s)
        at_most_s = min(
            (
                one.box_s - sent_unix_s
                for one in self.answers
                if one.command_id == command_id and one.box_s is not None
            ),
            default=at_least_s,
        )
        return max(at_least_s, min(0.0, at_most_s))

    def executed_box_s(self, command_id: str | None) -> float | None:
        """Return when it executed a command by its own clock, in Unix seconds; None: unknown."""
        executed = (
            one.box_s
            for one in self.answers
            if one.command_id == command_id and one.phase is Phase.EXECUTED
        )
        return next(executed, None)

    def relocks(self) -> Iterator[LockMove]:
        """Yield the times at which the lock closed, and no command is known to have closed it."""
        opened: LockMove | None = None
        for move in self.locks:
            if not move.is_locked:
                opened = move
            elif opened is not None and move.command_id in (None, opened.command_id):
                yield move

    def is_open_since(self, at_s: float, until_s: float) -> bool:
        """Return whether the lock is known to have opened at a moment, and to have stayed open."""
        before = [move for move in self.locks if move.at_s < until_s]
        closed = any(move.is_locked and move.at_s > at_s for move in before)
        return bool(before) and not before[-1].is_locked and not closed

    def bounced(self) -> LockMove | None:
        """Return when the lock last sprang open after closing; None: it did not, or holds since."""
        closed: LockMove | None = None
        found: LockMove | None = None
        for move in self.locks:
            if move.is_locked:
                closed, found = move, None
            elif closed is not None and move.at_s - closed.at_s < BOUNCED_S:
                found = move if move.command_id in (None, closed.command_id) else None
        return found

    def standing_at(self, at_s: float) -> Session | None:
        """Return what presence said at a moment, as far as is remembered."""
        before = self.stood
        first_after: Change | None = None
        for change in self.changes:
            if change.at_s <= at_s:
                before = change.session
            elif first_after is None:
                first_after = change
        if before is Session.OLD_WILL:
            return Session.WILL
        if before is not None or first_after is None:
            return before or self.standing
        return Session.ONLINE if first_after.session is not Session.ONLINE else None

    def changes_between(self, from_s: float, to_s: float) -> Iterator[Change]:
        """Yield the changes of presence after one moment and up to another."""
        for change in self.changes:
            if from_s < change.at_s <= to_s:
                yield change

    def last_heard_before(self, at_s: float) -> float | None:
        """Return when the car was last heard of before a moment, as far as is remembered."""
        times = [one for one in (*self.beats, *self.heard) if one <= at_s]
        return max(times, default=None)

    def first_heard_after(self, at_s: float) -> float | None:
        """Return when the car was first heard of after a moment."""
        times = [one for one in (*self.beats, *self.heard) if one > at_s]
        return min(times, default=None)

    # Within

    def _note_kind(self, telemetry: PartialTelemetry, now_s: float) -> None:
        kind = tuple(name for name in _TELEMETRY if getattr(telemetry, name) is not None)
        if self.kinds is None:
            self.kinds = {}
        self.kinds[kind] = _with_beat(self.kinds.get(kind, ()), now_s)

    def _note_change(self, session: Session, now_s: float) -> None:
        if len(self.changes) == KEPT:
            first = self.changes[0].session
            self.stood = Session.WILL if first is Session.OLD_WILL else first
        self.changes = _with_newest(self.changes, Change(now_s, session))
        if session is Session.ONLINE:
            self.connected_s = now_s

    def _note_boot(self, boots: int | None, at_s: float) -> None:
        if boots is None or boots != self.boots:
            self.booted_before_s = self.booted_s
            self.boots, self.booted_s = boots, at_s
            if self.ran_unconnected_s is not None:
                self.ran_unconnected_s = 0.0

    def _note_voltage(self, voltage_v: float, now_s: float) -> None:
        if voltage_v >= self.peak_v or now_s - self.peak_at_s > HOURS_S:
            self.peak_v, self.peak_at_s = voltage_v, now_s

    def _note_door(self, *, is_open: bool, now_s: float) -> bool:
        if not is_open:
            was_ajar, self.ajar_s = self.ajar_s is not None, None
            return was_ajar
        if self.ajar_s is not None:
            return False
        self.ajar_s = now_s
        self.doors = _with_newest(self.doors, now_s)
        return True


def seconds_after_command(at_s: float, sent_s: Iterable[float]) -> float | None:
    """Return how long before a moment the last of some commands was sent; None: not just before."""
    passed_s = (at_s - each_s for each_s in sent_s)
    return min((each_s for each_s in passed_s if 0.0 <= each_s < BY_COMMAND_S), default=None)


def _with_newest(kept: _Kept[KeptT], one: KeptT, *, most: int = KEPT) -> _Kept[KeptT]:
    """Return what is kept with one more, in place of the oldest where there are too many.

    It is the same list: a new one would cost three times as much, and one more object for the
    garbage collector. One alone is a tuple: most cars have no second.
    """
    if isinstance(kept, tuple):
        return [*kept, one] if kept else (one,)
    if len(kept) >= most:
        del kept[0]
    kept.append(one)
    return kept


def _with_beat(beats: _Kept[float], now_s: float) -> _Kept[float]:
    """Return the times of the latest bursts with one more; one that follows at once is no other."""
    if beats and now_s - beats[-1] < BURST_S:
        return [*beats[:-1], now_s]
    return _with_newest(beats, now_s)


def _usual_gap_s(times: Sequence[float]) -> float | None:
    """Return the middle one of the times between bursts; of two the shorter one."""
    gaps = sorted(map(sub, times[1:], times))
    return gaps[(len(gaps) - 1) // 2] if gaps else None


@lru_cache(maxsize=MAX_KINDS)
def traits_of_labels(labels: Labels) -> tuple[Place, ...]:
    """Return what is known of a car's kind as places; cars that are alike share one object."""
    named = ((name, getattr(labels, name)) for name in _PLACES)
    return tuple((name, value) for name, value in named if value is not None)
