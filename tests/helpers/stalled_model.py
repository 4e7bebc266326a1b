"""`fleet-sim` with a fault whose process waits for no time again and again."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import simpy

from fleet_sim.__main__ import main
from fleet_sim.cars.box import Box
from fleet_sim.faults import FAULTS, Injection
from fleet_wire.randomness import RandomStream


def strike(
    _fault: Any, box: Box, injection: Injection, _stream: RandomStream
) -> Generator[simpy.Event, Any, None]:
    """Hold time up on one car."""
    yield injection.wait(0.5)
    while box.vehicle_id == "car-00003":
        yield injection.wait(0.0)


if __name__ == "__main__":
    setattr(FAULTS["no_coverage_garage"], "strike", strike)  # noqa: B010 - as in `broken_model`
    main()
