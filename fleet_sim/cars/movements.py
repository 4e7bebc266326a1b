"""Movements of locks, for observers of a simulated fleet."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import msgspec

from fleet_wire.contract.messages import Command


class Movement(msgspec.Struct, frozen=True, gc=False, tag="moved"):
    """One movement of a car's lock. Another car's is one of a car that a cloned box sits in."""

    vehicle_id: str
    at_s: float
    """Simulated seconds."""
    command: Command | None
    """None: the car locked itself."""
    is_driver_door_locked: bool
    """Afterwards; a lock may be stuck."""
    is_of_another_car: bool = False


OnMovement: TypeAlias = Callable[[Movement], None]


def of_another_car(on_movement: OnMovement | None) -> OnMovement | None:
    """Return what a box calls that has a car's name and sits in another one."""
    return None if on_movement is None else partial(_pass_on, on_movement)


def _pass_on(on_movement: OnMovement, movement: Movement) -> None:
    on_movement(msgspec.structs.replace(movement, is_of_another_car=True))
