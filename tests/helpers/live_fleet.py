"""Hand-made boxes on a real broker, and a load on their cars."""

from __future__ import annotations

from typing import Any

from fleet_wire.links.link import LinkFactory
from tests.helpers.hand_made_boxes import HandMadeBox, boxes, say_nothing
from tests.helpers.waiting import eventually

CARS = [f"centre-{number}" for number in range(6)]
SILENT = "north-0"


async def fleet_of(links: LinkFactory) -> list[HandMadeBox]:
    """Return connected boxes: some that open, and last one that says nothing."""
    fleet = [*boxes(links, CARS), HandMadeBox(links, SILENT, say_nothing)]
    await eventually(lambda: all(box.link.is_connected for box in fleet))
    return fleet


def load_of(rate_per_s: float = 40, duration_s: float = 1.0, **changes: Any) -> dict[str, Any]:
    """Return the settings of a load on all cars."""
    stage = {"kind": "poisson", "rate_per_s": rate_per_s, "duration_s": duration_s}
    return {
        "stages": [stage],
        "vehicles": [*CARS, SILENT],
        "start_delay_s": 0.1,
        "deadline_s": 1.0,
        "relock": False,
        **changes,
    }


def failing_load(cars: int, *, rate_per_s: float) -> dict[str, Any]:
    """Return the settings of a load, until the end, on cars that nobody has: every unlock fails."""
    return {
        "vehicles": [f"car-{number}" for number in range(cars)],
        "stages": [{"kind": "constant", "rate_per_s": rate_per_s, "duration_s": 3_600}],
        "deadline_s": 0.5,
        "relock": False,
    }
