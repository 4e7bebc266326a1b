"""Compare injected faults with the monitor's conclusions.

The simulator writes into `ground_truth.jsonl` what each fault did, and which unlocks it touched.
The monitor knows nothing of them, and concludes how each unlock ended. Here both meet: what the
monitor said of the unlocks that a fault touched, and of those that none did. Boxes lost with a
process of the run, or stalled with it, are counted separately: that was no fault, and no behaviour
of the fleet.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from fleet_sim.results.concluded import Concluded
from fleet_wire.contract.attempt import Attempt

OWN_PROCESS = "the run's own process"


class InjectedFault(msgspec.Struct, frozen=True, tag_field="type", tag="injection"):
    """A line of `ground_truth.jsonl` of type `injection`: what was injected, when, on whom.

    A line without a type, as older runs have them, is one too. A line of type `hit` is not, and is
    skipped where these are read. Times are seconds since the load began.
    """

    fault: str
    start_s: float
    end_s: float
    vehicles: list[str] = []
    seen: str = ""
    """The monitor's expected view of such a fault, in the words of `fleet-sim faults`."""
    attempts: list[str] = []
    """The unlocks that it touched."""


def name_of_process(process: int, processes: int) -> str:
    """Return what a process of a run is called, by its number in `LostBoxes`."""
    return f"process {process} of {processes}" if process else OWN_PROCESS


class LostBoxes(msgspec.Struct, frozen=True, kw_only=True):
    """A line of `lost_boxes.jsonl`: a process of the run that was lost, and with it its boxes.

    Or that stood still for a while.
    """

    process: int
    """The process number, from 1; 0 is the one that has started the others, or is alone."""
    processes: int
    since_s: float
    """Seconds since the load began."""
    until_s: float | None = None
    """When it went on, in the same seconds; None: it was lost."""
    with_null_box: bool = False
    """Whether the box that measures the floor was among them."""
    vehicles: list[str] = []

    @property
    def name(self) -> str:
        """The process's name."""
        return name_of_process(self.process, self.processes)

    def concern(self, attempt: Attempt) -> bool:
        """Return whether the boxes were not there in the time of an unlock, or a part of it."""
        is_before = attempt.scheduled_s + attempt.total_s < self.since_s
        is_later = self.until_s is not None and attempt.scheduled_s > self.until_s
        return not (is_before or is_later)


class Injected:
    """Takes every unlock of a run, and sorts what was said of it by the faults that touched it.

    An unlock without a hit, under way when its box was `lost` or stalled, counts there.
    """

    def __init__(
        self, faults: Sequence[InjectedFault] = (), lost: Sequence[LostBoxes] = ()
    ) -> None:
        self._faults = faults
        self._lost = lost
        self._of_lost = [Concluded() for _ in lost]
        self._lost_with: dict[str, list[tuple[LostBoxes, Concluded]]] = {}
        for boxes, concluded in zip(lost, self._of_lost, strict=True):
            for vehicle_id in boxes.vehicles:
                self._lost_with.setdefault(vehicle_id, []).append((boxes, concluded))
        self._of_fault = [Concluded() for _ in faults]
        self._touched, self._untouched = Concluded(), Concluded()
        self._touched_by: dict[str, list[Concluded]] = {}
        for fault, concluded in zip(faults, self._of_fault, strict=True):
            for attempt_id in fault.attempts:
                self._touched_by.setdefault(attempt_id, [self._touched]).append(concluded)

    def add(self, attempt: Attempt) -> None:
        """Count an unlock: for each fault that touched it, and once for all of them together."""
        touched_by = self._touched_by.get(attempt.attempt_id)
        for concluded in touched_by or (self._without_fault(attempt),):
            concluded.add(attempt)

    def _without_fault(self, attempt: Attempt) -> Concluded:
        """Return where an unlock counts that no fault touched."""
        for boxes, concluded in self._lost_with.get(attempt.vehicle_id, ()):
            if boxes.concern(attempt):
                return concluded
        return self._untouched

    def as_json(self) -> dict[str, Any]:
        """Return the entry `injected` of `summary.json`. A fault has only the causes it met."""
        return {
            "faults": [
                {
                    "fault": fault.fault,
                    "start_s": fault.start_s,
                    "end_s": fault.end_s,
                    "seen": fault.seen,
                    "cars": len(fault.vehicles),
                    **concluded.counts,
                    "by_cause": _met(concluded),
                }
                for fault, concluded in zip(self._faults, self._of_fault, strict=True)
            ],
            "lost": [
                {
                    "process": boxes.process,
                    "processes": boxes.processes,
                    "since_s": boxes.since_s,
                    "until_s": boxes.until_s,
                    "cars": len(boxes.vehicles),
                    **concluded.counts,
                    "by_cause": _met(concluded),
                }
                for boxes, concluded in zip(self._lost, self._of_lost, strict=True)
            ],
            "touched": self._touched.as_json(),
            "untouched": self._untouched.as_json(),
        }


def _met(concluded: Concluded) -> dict[str, int]:
    """Return the causes that there were, the most frequent first."""
    return {cause.value: number for cause, number in concluded.causes.most_common()}
