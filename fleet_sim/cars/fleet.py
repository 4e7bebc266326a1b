"""All boxes of one process, and the heartbeats that they share an alarm clock for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator, Iterable
from dataclasses import replace
from typing import Any

import simpy

from fleet_sim.cars.box import Box
from fleet_sim.cars.shadow_service import ShadowService
from fleet_sim.cars.sms_centre import SmsCentre
from fleet_sim.cars.spec import CarSpec
from fleet_sim.cars.world import FleetCounts, World
from fleet_sim.heartbeats import Routine

SHORTEST_ROUTINE_S = 10.0
"""Heartbeats that come more often are sent one by one: a radio may still be at the last [E]."""


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
            self.world.env.process(_heartbeats(self.world, interval_s, boxes))


def _heartbeats(
    world: World, interval_s: float, boxes: list[Box]
) -> Generator[simpy.Event, Any, None]:
    """Wake once a second for all boxes: a process each would cost most of the run.

    Each box draws its second: another car must not move its heartbeats.
    """
    env, slots = world.env, max(round(interval_s), 1)
    shares: list[list[Box]] = [[] for _ in range(slots)]
    for box in boxes:
        shares[world.stream(f"{box.vehicle_id}/heartbeat").index(slots)].append(box)
    beats = [_Share(world, share, interval_s) for share in shares]
    while True:
        for beat in beats:
            yield env.timeout(interval_s / slots)
            beat.due()


class _Share:
    """Boxes whose heartbeats fall due together: by routine those that can, the others alone."""

    def __init__(self, world: World, boxes: list[Box], interval_s: float) -> None:
        self._world = world
        self._boxes = boxes
        self._routine: Routine | None = None
        if world.send_round is not None and interval_s >= SHORTEST_ROUTINE_S:
            self._routine = Routine(interval_s, self._change)
        self._alone: list[tuple[int, Box]] = []
        self._alone_before: list[tuple[int, Box]] = []
        """Those whose turn is before that of all who are in the routine."""
        self._has_changed = True

    def due(self) -> None:
        """Send the heartbeats of this moment, each box in its turn, the routine in its first's."""
        if self._has_changed:
            self._split_routine()
        routine, send = self._routine, self._world.send_round
        for number, box in self._alone_before:
            if box.modem.connection.is_up:
                self._beat(number, box)
        if routine is not None and routine.members and send is not None:
            send(routine.send(self._world.env.now))
        for number, box in self._alone:
            if box.modem.connection.is_up:
                self._beat(number, box)

    def _change(self) -> None:
        self._has_changed = True

    def _beat(self, number: int, box: Box) -> None:
        try:
            box.heartbeat(self._routine, number)
        except Exception as error:  # noqa: BLE001 - a defect keeps none of the others back
            self._world.defects.note(error)

    def _split_routine(self) -> None:
        """Separate the cars in the routine from the others."""
        self._has_changed = False
        members = self._routine.members if self._routine is not None else {}
        first = min(members, default=len(self._boxes))
        alone = [each for each in enumerate(self._boxes) if each[0] not in members]
        self._alone_before = [each for each in alone if each[0] < first]
        self._alone = alone[len(self._alone_before) :]
