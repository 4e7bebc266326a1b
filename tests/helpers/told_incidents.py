"""Incidents that are made of findings which a test hands in, and what they tell."""

from __future__ import annotations

from typing import Any

from bench.detection.town import EPOCH_S
from bench.detection.watching import TurnedTime
from fleet_wire.contract.incident import ActionKind, ChangeKind, Incident, IncidentAction
from platform_probe.judge.incidents.incidents import Incidents
from platform_probe.judge.incidents.maintenance import MaintenanceWindow
from tests.helpers.findings import finding


class Told:
    """Incidents in time that a test turns, with what they told."""

    def __init__(self, *windows: MaintenanceWindow) -> None:
        self.time = TurnedTime()
        self.revisions: list[Incident] = []
        self.incidents = Incidents(
            clock=self.time,
            tell=self.revisions.append,
            name="test",
            windows=windows,
        )

    def take(self, number: int = 1, **changes: Any) -> None:
        """Take a finding of now."""
        self.incidents.handle_finding(finding(number, at=EPOCH_S + self.time.now_s, **changes))

    def wait(self, seconds: float) -> None:
        """Let time pass, and the incidents look."""
        self.time.go_to(self.time.now_s + seconds)
        self.incidents.tick()

    def act(self, kind: ActionKind, **more: Any) -> bool:
        """Do something to the last incident."""
        return self.incidents.act(
            IncidentAction(
                incident_id=self.last.incident_id,
                kind=kind,
                by="Ada",
                at=EPOCH_S + self.time.now_s,
                **more,
            )
        )

    @property
    def each(self) -> list[Incident]:
        """Each incident as its last revision has it, in the order in which they were opened."""
        return [*{one.incident_id: one for one in self.revisions}.values()]

    @property
    def last(self) -> Incident:
        """The last revision."""
        return self.revisions[-1]

    @property
    def kinds(self) -> list[ChangeKind]:
        """What happened, in order."""
        return [one.changes[-1].kind for one in self.revisions]
