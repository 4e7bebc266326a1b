"""What was injected against what was concluded.

The simulator writes into `ground_truth.jsonl` what each fault did, and which unlocks it touched.
The monitor, which is told nothing of it, says of each unlock how it ended. Here both meet: what
the monitor said of the unlocks that a fault touched, and of those that none did.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from fleet_sim.results.concluded import Concluded
from fleet_wire.contract.attempt import Attempt


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
    """What the monitor should see of such a fault, in the words of `fleet-sim faults`."""
    attempts: list[str] = []
    """The unlocks that it touched."""


class Injected:
    """Takes every unlock of a run, and sorts what was said of it by the faults that touched it."""

    def __init__(self, faults: Sequence[InjectedFault] = ()) -> None:
        self._faults = faults
        self._of_fault = [Concluded() for _ in faults]
        self._touched, self._untouched = Concluded(), Concluded()
        self._touched_by: dict[str, list[Concluded]] = {}
        for fault, concluded in zip(faults, self._of_fault, strict=True):
            for attempt_id in fault.attempts:
                self._touched_by.setdefault(attempt_id, [self._touched]).append(concluded)

    def add(self, attempt: Attempt) -> None:
        """Count an unlock: for each fault that touched it, and once for all of them together."""
        for concluded in self._touched_by.get(attempt.attempt_id, (self._untouched,)):
            concluded.add(attempt)

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
                    "by_cause": {
                        cause.value: number for cause, number in concluded.causes.most_common()
                    },
                }
                for fault, concluded in zip(self._faults, self._of_fault, strict=True)
            ],
            "touched": self._touched.as_json(),
            "untouched": self._untouched.as_json(),
        }
