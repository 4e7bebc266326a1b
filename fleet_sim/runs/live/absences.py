"""Which boxes of a run were not there, and when: nothing else says it of their unlocks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Final

from fleet_sim.results import readable
from fleet_sim.results.injected import OWN_PROCESS, LostBoxes
from fleet_sim.runs.live.shards import Shards
from fleet_sim.runs.live.silence import Beat

BEAT_S: Final = 1.0


class OwnStalls:
    """Notices when this process itself stood still, as after Ctrl-Z: its boxes did too."""

    def __init__(self, boxes: int, note: Callable[[str], None]) -> None:
        self._name = f"{OWN_PROCESS} ({readable.boxes(boxes)})"
        self._note = note
        self.spans: list[tuple[float, float]] = []
        """Start and end of each stall, in seconds of the monotonic clock."""

    async def watch(self) -> None:
        """Look for it until this is cancelled."""
        beat = Beat()
        while True:
            await asyncio.sleep(BEAT_S)
            if gap := beat.gap():
                self.spans.append(gap)
                self._note(f"{self._name} is back after {gap[1] - gap[0]:.0f} s")

    @property
    def texts(self) -> tuple[str, ...]:
        """How long it stood still, each time."""
        return tuple(
            f"{self._name}: silent for {until - since:.0f} s" for since, until in self.spans
        )


def lost_boxes(
    shards: Shards | None,
    own: OwnStalls,
    *,
    vehicle_ids: Sequence[str],
    here: Collection[str],
    began_at: float,
) -> Iterator[LostBoxes]:
    """Yield whose boxes were lost or stood still since the load began.

    `vehicle_ids` are those of all cars, in their order; `here` are those of this process where
    there are others. `began_at` is when the load began, in seconds of the monotonic clock.
    """

    def boxes_of(process: int, since: float, until: float | None, ids: Sequence[str]) -> LostBoxes:
        return LostBoxes(
            process=process,
            processes=1 if shards is None else len(shards.shards),
            since_s=round(since - began_at, 3),
            until_s=None if until is None else round(until - began_at, 3),
            with_null_box=process == (0 if shards is None else 1),
            vehicles=[one for one in ids if process == 0 or one not in here],
        )

    own_ids = vehicle_ids if shards is None else [one for one in vehicle_ids if one in here]
    for since, until in own.spans:
        if until >= began_at:
            yield boxes_of(0, since, until, own_ids)
    if shards is None:
        return
    total = len(shards.shards)
    for each in sorted(shards.silences):
        if each.until >= began_at:
            ids = vehicle_ids[each.process - 1 :: total]
            yield boxes_of(each.process, each.since, each.until, ids)
    for shard in shards.lost_shards:
        yield boxes_of(shard.number, shard.lost_at, None, vehicle_ids[shard.number - 1 :: total])
