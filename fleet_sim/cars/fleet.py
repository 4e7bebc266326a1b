"""All boxes of one process, and the heartbeats that they share an alarm clock for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from itertools import cycle

from fleet_sim.cars.box import Box
from fleet_sim.cars.shadow_service import ShadowService
from fleet_sim.cars.sms_centre import SmsCentre
from fleet_sim.cars.spec import CarSpec
from fleet_sim.cars.world import FleetCounts, World


class Fleet:
    """The boxes of one process. `start` once; the environment does the rest.

    Those `beside` the fleet (a null box) are boxes like the others, but counted in no count of it.
    """

    def __init__(
        self,
        world: World,
        specs: Iterable[CarSpec],
        *,
        sms_centre: str,
        beside: Iterable[CarSpec] = (),
    ) -> None:
        self.world = world
        self.boxes: dict[str, Box] = {spec.vehicle_id: Box(world, spec) for spec in specs}
        self.beside = FleetCounts()
        """The counts of the clients beside the fleet."""
        uncounted = replace(world, counts=self.beside, on_movement=None, on_no_connection=None)
        self.boxes |= {spec.vehicle_id: Box(uncounted, spec) for spec in beside}
        self.sms_centre = SmsCentre(world, self.boxes, name=sms_centre)
        self.shadow_service = ShadowService(world, self.boxes, name=f"shadows-of-{sms_centre}")

    def start(self) -> None:
        """Start every box."""
        self.sms_centre.start()
        self.shadow_service.start()
        by_interval: dict[float, list[Box]] = defaultdict(list)
        for box in self.boxes.values():
            try:
                box.power.start()
            except Exception as error:  # noqa: BLE001 - a defect keeps none of the others back
                self.world.defects.note(error)
            if box.spec.parameters.heartbeat_s > 0:
                by_interval[box.spec.parameters.heartbeat_s].append(box)
        for interval_s, boxes in by_interval.items():
            _start_heartbeats(self.world, interval_s, boxes)


def _start_heartbeats(world: World, interval_s: float, boxes: list[Box]) -> None:
    """Wake once a second for all boxes: a process each would cost most of the run.

    Each box draws its second: another car must not move its heartbeats.
    """
    env, slots = world.env, max(round(interval_s), 1)
    shares: list[list[Box]] = [[] for _ in range(slots)]
    for box in boxes:
        shares[world.stream(f"{box.vehicle_id}/heartbeat").index(slots)].append(box)
    every_s, turns = interval_s / slots, cycle(shares)

    def beat() -> None:
        for box in next(turns):
            try:
                box.heartbeat()
            except Exception as error:  # noqa: BLE001 - a defect keeps none of the others back
                world.defects.note(error)
        env.call_later(every_s, beat)

    env.call_later(every_s, beat)
