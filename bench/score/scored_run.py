"""A virtual run whose monitor lacks a log, expects nothing of some cars, or is started anew."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from fleet_sim.runs.virtual.run import VirtualRun
from fleet_wire.contract.attempt import Attempt
from fleet_wire.contract.diagnosis import Diagnosis
from fleet_wire.contract.incident import Incident
from platform_probe.journal.entries import Entry, RecordWritten, Tick
from platform_probe.judge.incidents.maintenance import MaintenanceWindow
from platform_probe.judge.judge import Judge, Judgement
from platform_probe.judge.resuming import WINDOW_S, LastOfCars, Past
from platform_probe.judge.weights import shipped_ranking
from platform_probe.measure.probe import Probe


class ScoredRun(VirtualRun):
    """A run of a drawn incident. A restart does what a live judge does that was killed.

    `without` are settings that its monitor lacks. `restarts_s` are seconds of the load at which the
    judge is started anew. The monitor expects nothing of the cohorts in `maintenance`, value by
    trait, all the time.
    """

    def __init__(
        self,
        *run: Any,
        without: Sequence[str] = (),
        restarts_s: Sequence[float] = (),
        maintenance: Sequence[Mapping[str, str]] = (),
    ) -> None:
        """`run` is what a `VirtualRun` takes."""
        self._without = without
        self._restarts_s = restarts_s
        self._maintenance = maintenance
        self._before_window = LastOfCars()
        self._offset_s = 0.0
        self._window: deque[Entry] = deque()
        self._attempts: list[Attempt] = []
        self._diagnoses: list[Diagnosis] = []
        self._incidents: dict[str, Incident] = {}
        super().__init__(*run)

    def probe_config(self) -> dict[str, Any]:
        """Return the settings of the monitor, without what it lacks."""
        config = super().probe_config()
        return {name: value for name, value in config.items() if name not in self._without}

    def make_judge(self) -> Judge:
        """Return a judge that expects nothing of cars in maintenance."""
        return Judge(
            shipped_ranking(),
            name=f"virtual/{self._options.seed}",
            windows=[
                MaintenanceWindow(name="maintenance", since=0.0, until=math.inf, cohort=cohort)
                for cohort in self._maintenance
            ],
        )

    def begin_load(self, probe: Probe) -> float:
        """Begin the load, and schedule the restarts."""
        load_starts_s = super().begin_load(probe)
        for at_s in self._restarts_s:
            self._env.call_later(at_s, self._restart)
        return load_starts_s

    def judge_entry(self, entry: Entry) -> None:
        """Judge an entry, and keep it for the next restart."""
        if self._restarts_s:
            self._keep(entry)
        super().judge_entry(entry)

    def handle_judgement(self, judgement: Judgement) -> None:
        """Write a judgement, and keep it for the next restart."""
        if isinstance(judgement, Diagnosis):
            self._diagnoses.append(judgement)
        elif isinstance(judgement, Incident):
            self._incidents[judgement.incident_id] = judgement
        super().handle_judgement(judgement)

    def _restart(self) -> None:
        self._judge = self.make_judge()
        self._judge.resume(
            Past(
                at=self._window[-1].at,
                offset_s=self._offset_s,
                begins=self._window[0].at,
                retained=self._before_window.messages(),
                window=self._window,
                attempts=tuple(self._attempts),
                diagnoses=tuple(self._diagnoses),
                incidents=tuple(self._incidents.values()),
            )
        )

    def _keep(self, entry: Entry) -> None:
        window = self._window
        window.append(entry)
        if isinstance(entry, RecordWritten) and isinstance(entry.record, Attempt):
            self._attempts.append(entry.record)
        elif isinstance(entry, Tick):
            self._offset_s = entry.unix_s - entry.at
        while window[0].at < entry.at - WINDOW_S:
            self._before_window.add(window.popleft())
