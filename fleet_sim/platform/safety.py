"""Whether anything happened that must not: the simulator knows every movement of every lock.

A finding is a movement that should not have been, or a customer who was told of one that was not.
Sound boxes and a sound platform never cause one, in any failure.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable
from enum import StrEnum

import msgspec

from fleet_sim.cars.movements import Movement
from fleet_sim.cars.world import World
from fleet_sim.platform.commands import PlatformCommand

SLACK_S = 10.0
"""Seconds after the end of a command or a booking during which a sound box may still act. Its clock
may be that far behind (Tesla vehicle-command allows 10 s), and the lock needs time to move."""
CLOCKS_S = 0.1
"""A booking that its customer has ended is over at once, as far as clocks agree."""
MAX_REMEMBERED = 100_000
"""Commands whose movements are known, at most; the oldest go first."""


class FindingKind(StrEnum):
    """A violation of safety."""

    AFTER_LIFE = "after_life"
    """A lock moved for a command whose life was over."""
    AFTER_BOOKING = "after_booking"
    """A lock moved for a booking that was over."""
    EXECUTED_TWICE = "executed_twice"
    """A lock moved twice for one command, or for it and another that was sent in its place."""
    WITHOUT_RIGHT = "without_right"
    """A lock moved for another car's command, or for a command without a right. A booking whose car
    already belonged to another customer gives no right."""
    TOLD_OPEN = "told_open"
    """A phone said "open" of a car whose driver's door the command had not unlocked."""
    TOLD_LOCKED = "told_locked"
    """A phone said "locked" of a car whose driver's door the command had not locked."""


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of `safety.jsonl`."""

    kind: FindingKind
    at_s: float
    """Seconds since the load began."""
    vehicle_id: str
    command_id: str | None
    by_s: float | None = None
    """How long the life, or the booking, was over."""
    is_of_another_car: bool = False
    """Whether it was the lock of a car that a cloned box sits in."""
    customer_id: str | None = None
    faults: tuple[str, ...] = ()
    """Injected faults that were at work on the command or the car; named when the run is over."""


class _CommandMovement:
    """A movement that a command caused."""

    __slots__ = ("has_locked", "has_opened", "times")

    def __init__(self) -> None:
        self.times = 0
        self.has_opened = False
        self.has_locked = False


class Safety:
    """Keeps watch over one run. `record` takes each finding.

    `command_of` returns a command of the emulated platform by its id on the wire. Commands that it
    does not know nobody had a right to, unless `others_may` send some: a monitor's own unlocks.
    """

    def __init__(
        self,
        world: World,
        record: Callable[[Finding], None],
        *,
        command_of: Callable[[str], PlatformCommand | None] = lambda _id: None,
        others_may: bool = True,
    ) -> None:
        self._world = world
        self._record = record
        self.command_of = command_of
        self._others_may = others_may
        self._moved: OrderedDict[str, _CommandMovement] = OrderedDict()
        self.load_starts_s = 0.0
        """The simulated second from which findings count."""
        self.movements = 0
        self.counts: Counter[FindingKind] = Counter()

    def handle_movement(self, movement: Movement) -> None:
        """Handle a movement of a lock."""
        self.movements += 1
        command = movement.command
        if command is None:
            return
        known = self.command_of(command.command_id)
        moved = self._moved_by(_first_id(command.command_id, known))
        moved.times += 1
        is_of_its_car = known is None or known.vehicle_id == movement.vehicle_id
        if is_of_its_car and not movement.is_of_another_car:
            moved.has_opened |= not movement.is_driver_door_locked
            moved.has_locked |= movement.is_driver_door_locked
        unix_s = self._world.unix_s_at(movement.at_s)
        # A fleet whose commands do not say it leaves a box in the dark, and not the platform.
        expires_at = command.expires_at_ms / 1000 if known is None else known.expires_at
        over_s = unix_s - expires_at
        if over_s > SLACK_S:
            self._find(FindingKind.AFTER_LIFE, movement, by_s=over_s)
        if moved.times > 1:
            self._find(FindingKind.EXECUTED_TWICE, movement)
        if movement.is_of_another_car or not self._has_right(movement, known):
            self._find(FindingKind.WITHOUT_RIGHT, movement)
        if known is not None:
            booking = known.booking
            over_s = unix_s - booking.ends_at
            if over_s > (CLOCKS_S if booking.was_ended else SLACK_S):
                self._find(FindingKind.AFTER_BOOKING, movement, by_s=over_s)

    def _has_right(self, movement: Movement, known: PlatformCommand | None) -> bool:
        if known is None:
            return self._others_may
        return known.vehicle_id == movement.vehicle_id and not known.booking.is_second

    def told_open(self, customer_id: str, vehicle_id: str, command_id: str | None) -> None:
        """Record that a phone has shown that a car is open."""
        moved = self._movement_of(command_id)
        if moved is None or not moved.has_opened:
            self._note_told(FindingKind.TOLD_OPEN, customer_id, vehicle_id, command_id)

    def told_locked(self, customer_id: str, vehicle_id: str, command_id: str | None) -> None:
        """Record that a phone has shown that a car is locked."""
        moved = self._movement_of(command_id)
        if moved is None or not moved.has_locked:
            self._note_told(FindingKind.TOLD_LOCKED, customer_id, vehicle_id, command_id)

    def _movement_of(self, command_id: str | None) -> _CommandMovement | None:
        if command_id is None:
            return None
        return self._moved.get(_first_id(command_id, self.command_of(command_id)))

    def _note_told(
        self, kind: FindingKind, customer_id: str, vehicle_id: str, command_id: str | None
    ) -> None:
        self._note(
            Finding(
                kind=kind,
                at_s=self._since_load(self._world.env.now),
                vehicle_id=vehicle_id,
                command_id=command_id,
                customer_id=customer_id,
            )
        )

    def _since_load(self, now_s: float) -> float:
        return round(now_s - self.load_starts_s, 6)

    def _moved_by(self, command_id: str) -> _CommandMovement:
        moved = self._moved.get(command_id)
        if moved is None:
            moved = self._moved[command_id] = _CommandMovement()
            if len(self._moved) > MAX_REMEMBERED:
                self._moved.popitem(last=False)
        return moved

    def _find(self, kind: FindingKind, movement: Movement, by_s: float | None = None) -> None:
        command = movement.command
        self._note(
            Finding(
                kind=kind,
                at_s=self._since_load(movement.at_s),
                vehicle_id=movement.vehicle_id,
                command_id=None if command is None else command.command_id,
                by_s=None if by_s is None else round(by_s, 6),
                is_of_another_car=movement.is_of_another_car,
            )
        )

    def _note(self, finding: Finding) -> None:
        self.counts[finding.kind] += 1
        self._record(finding)


def _first_id(command_id: str, known: PlatformCommand | None) -> str:
    """Return the id under which a command and those sent in its place are counted as one."""
    while known is not None and known.repeats is not None:
        known = known.repeats
    return command_id if known is None else known.wire_id
