"""The judge of a virtual run, in this process, which may be started anew at given moments."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from fleet_sim.cars.world import ModelEnvironment
from fleet_wire.contract.attempt import Attempt
from fleet_wire.contract.diagnosis import Diagnosis
from fleet_wire.contract.incident import Incident
from platform_probe.journal.entries import Entry, RecordWritten, Tick
from platform_probe.judge.judge import Judge, Judgement
from platform_probe.judge.resuming import WINDOW_S, LastOfCars, Past


class VirtualJudge:
    """Applies each entry as it comes. A restart does what a live judge does that was killed."""

    def __init__(
        self,
        make: Callable[[], Judge],
        *,
        on_judgement: Callable[[Judgement], None],
        env: ModelEnvironment,
        restarts_s: Sequence[float],
    ) -> None:
        self._make = make
        self._judge = make()
        self._on_judgement = on_judgement
        self._env = env
        self._restarts_s = tuple(restarts_s)
        self._before_window = LastOfCars()
        self._offset_s = 0.0
        self._window: deque[Entry] = deque()
        self._attempts: dict[str, Attempt] = {}
        self._diagnoses: list[Diagnosis] = []
        self._incidents: dict[str, Incident] = {}

    def begin_load(self) -> None:
        """Count the moments of the restarts from now."""
        for at_s in self._restarts_s:
            self._env.call_later(at_s, self._restart)

    def append(self, entry: Entry) -> None:
        """Apply an entry, and hand on what follows."""
        if self._restarts_s:
            self._keep(entry)
        for judgement in self._judge.apply(entry):
            if self._restarts_s:
                self._keep_judgement(judgement)
            self._on_judgement(judgement)

    def _restart(self) -> None:
        self._judge = self._make()
        self._judge.resume(
            Past(
                at=self._window[-1].at,
                offset_s=self._offset_s,
                begins=self._window[0].at,
                retained=self._before_window.messages(),
                window=self._window,
                attempts=tuple(self._attempts.values()),
                diagnoses=tuple(self._diagnoses),
                incidents=tuple(self._incidents.values()),
            )
        )

    def _keep(self, entry: Entry) -> None:
        window = self._window
        window.append(entry)
        if isinstance(entry, RecordWritten) and isinstance(entry.record, Attempt):
            self._attempts[entry.record.attempt_id] = entry.record
        elif isinstance(entry, Tick):
            self._offset_s = entry.unix_s - entry.at
        while window[0].at < entry.at - WINDOW_S:
            self._before_window.add(window.popleft())

    def _keep_judgement(self, judgement: Judgement) -> None:
        if isinstance(judgement, Diagnosis):
            self._diagnoses.append(judgement)
        elif isinstance(judgement, Incident):
            self._incidents[judgement.incident_id] = judgement
