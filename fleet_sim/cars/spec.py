"""A car's specification: its id, its traits, and its numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec

from fleet_sim.cars.parameters import NULL_BOX, BoxParameters
from fleet_wire.contract.topics import NULL_BOXES

STREET: Final = "street"
"""The site of cars that stand nowhere in particular: their state names none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """The traits that distinguish and select cars. One object for all cars that are alike."""

    group: str
    region: str = "default"
    operator: str = "default"
    """The mobile network that the box uses."""
    firmware: str = "1.0.0"
    hardware: str = "tcu-1"
    site: str = STREET
    """The place where the car stands."""
    technology: str = "lte"
    """The modem's technology, a value of `radio_parameters.Technology`."""


class CarSpec(msgspec.Struct, frozen=True, gc=False):
    """One car of a fleet."""

    vehicle_id: str
    traits: Traits
    parameters: BoxParameters
    """The numbers of its box: one object for all cars that are alike."""


NULL_CAR = CarSpec(f"{NULL_BOXES}0", Traits(group="null"), NULL_BOX)
"""The null box beside a fleet: what an unlock of it takes is what the stack takes."""
