"""A platform with a fault, stepped in virtual time by a test."""

from __future__ import annotations

from typing import Any

from fleet_sim.cars.parameters import NULL_BOX, BoxParameters
from fleet_sim.faults import FAULTS, Hit, Injection
from fleet_sim.platform.operations import Answer, Operation
from tests.helpers.platform_bench import CAR, PlatformBench

WINDOW_S = 100.0


class StruckPlatform:
    """A platform and some cars. A fault strikes what is about the first `struck` of them.

    There is a booking of the first car already.
    """

    def __init__(
        self,
        name: str,
        *,
        struck: int = 1,
        cars: int = 2,
        box: BoxParameters = NULL_BOX,
        settles_s: float = 0.0,
        **parameters: Any,
    ) -> None:
        self.bench = bench = PlatformBench(cars=cars, box=box)
        bench.let_pass(settles_s)
        self.booking_id = bench.book()
        self.hits: list[Hit] = []
        boxes = [bench.box(number) for number in range(struck)]
        injection = Injection(
            world=bench.world,
            boxes=boxes,
            vehicle_ids=frozenset(box.vehicle_id for box in boxes),
            duration_s=WINDOW_S,
            stream_of=bench.world.stream,
            fault=name,
            record=self.hits.append,
            platform=bench.platform,
        )
        bench.env.process(FAULTS[name](**parameters).process(injection))
        bench.let_pass(0.1)

    def unlock(self, **what: Any) -> Answer:
        """Unlock the first car, and wait for the result."""
        return self.bench.unlock(self.booking_id, vehicle_id=CAR, **what)

    def lock(self) -> Answer:
        """Lock the first car, and wait for the result."""
        return self.bench.answer(
            Operation.LOCK, booking_id=self.booking_id, vehicle_id=CAR, wait_s=60.0
        )

    def close_window(self) -> None:
        """Let time pass until the fault has ended."""
        self.bench.let_pass(WINDOW_S)

    def of_commands(self) -> list[tuple[str, str | None]]:
        """Return by what which commands were hit, in order, each once."""
        found = ((hit.what, hit.command_id) for hit in self.hits if hit.command_id)
        return list(dict.fromkeys(found))
