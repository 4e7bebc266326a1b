"""Which boxes of a run were not there, and when: nothing else says it of their unlocks."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from fleet_sim.results.injected import LostBoxes
from fleet_sim.runs.live.health import Pulse
from fleet_sim.runs.live.workers import Workers


def lost_boxes(
    workers: Workers,
    own: Pulse,
    *,
    vehicle_ids: Sequence[str],
    here: Collection[str],
    began_at: float,
) -> Iterator[LostBoxes]:
    """Yield whose boxes were lost or stood still since the load began.

    `vehicle_ids` are those of all cars, in their order; `here` are those of this process where
    there are others. `began_at` is when the load began, in seconds of the monotonic clock.
    """
    total = len(workers)
    for number, pulse in enumerate((own, *(worker.pulse for worker in workers))):
        of_process = vehicle_ids[number - 1 :: total] if number else vehicle_ids
        for since, until in pulse.silences:
            if until is not None and until < began_at:
                continue
            yield LostBoxes(
                process=number,
                processes=max(total, 1),
                since_s=round(since - began_at, 3),
                until_s=None if until is None else round(until - began_at, 3),
                with_null_box=number == min(total, 1),
                vehicles=[one for one in of_process if not total or (one in here) is (number == 0)],
            )
