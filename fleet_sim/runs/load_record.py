"""The record of a run while cars are opened, in either mode, and what its display shows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from fleet_sim.cars.world import FleetCounts
from fleet_sim.results.injected import InjectedFault
from fleet_sim.runs.conclude import ATTEMPTS, GROUND_TRUTH
from fleet_sim.runs.lines import LineFiles
from fleet_sim.runs.progress import Progress
from fleet_sim.runs.progress_state import LoadState, UnlocksSoFar
from fleet_sim.scenario.form import Scenario


class LoadRecord:
    """The ground truth and the samples of a run."""

    def __init__(
        self, scenario: Scenario, directory: Path, files: LineFiles, progress: Progress
    ) -> None:
        self._files = files
        self._progress = progress
        self._configured = scenario.fleet.count
        self._duration_s = scenario.load_duration_s
        self._faults: list[InjectedFault] = []
        self._unlocks = UnlocksSoFar(directory / ATTEMPTS, duration_s=self._duration_s)

    def add_truth(self, line: Any) -> None:
        """Write a line of the ground truth: an injection as a mapping, or a hit."""
        if isinstance(line, Mapping):
            self._faults.append(msgspec.convert(line, InjectedFault))
        self._files.append(GROUND_TRUTH, line)

    def sample(self, elapsed_s: float, fleet: FleetCounts, *, sent: int, **more: int) -> None:
        """Write how many boxes are there so many seconds after the load began, and show it all."""
        counts = {"connected": fleet.reachable, "asleep": fleet.asleep, **more}
        self._files.append("fleet_samples.jsonl", {"t_s": round(elapsed_s, 3), **counts})
        self._progress.load(
            LoadState(
                elapsed_s=elapsed_s,
                duration_s=self._duration_s,
                sent_at_least=sent,
                configured=self._configured,
                fleet=fleet,
                faults=self._faults,
                unlocks=self._unlocks,
            )
        )
