"""The incidents that the monitor has found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from fleet_wire.contract.incident import Incident, IncidentState, Severity
from platform_probe.tell.support.incident_rows import incident_of
from platform_probe.web.console.snapshot import Snapshot

MOST: Final = 1_000
"""The most incidents that are kept: the open ones before others, then the latest."""
MOST_REVISIONS: Final = 2_000
_ORDER: Final = {severity: number for number, severity in enumerate(Severity)}


@dataclass(frozen=True, slots=True)
class IncidentHistory:
    """One incident: its revisions in order; in a list of many the last one alone."""

    revisions: Sequence[Incident]

    @property
    def latest(self) -> Incident:
        """The revision that holds."""
        return self.revisions[-1]

    @property
    def counts_customers(self) -> bool:
        """Whether its growth is shown in customers: else in its own unit, unlocks or cars."""
        return self.latest.customers > 0

    @property
    def growth(self) -> list[tuple[float, float]]:
        """How many it had hit by when, Unix seconds: what it counts may change, customers do not.

        Revisions that count something else than the last one show only customers.
        """
        alike = [one for one in self.revisions if one.kind is self.latest.kind]
        counted = (
            [(one.at, float(one.customers)) for one in self.revisions]
            if self.counts_customers
            else [(one.at, float(one.failed)) for one in alike]
        )
        first = self.revisions[0]
        return [(first.since, 0.0), *counted] if first.since < counted[0][0] else counted


def known_in(snapshot: Snapshot) -> Sequence[IncidentHistory]:
    """Return all of them: the open ones first, the worst before, then the latest."""
    return snapshot.once("incidents", lambda: _known_in(snapshot))


def known_as(snapshot: Snapshot, incident_id: str) -> IncidentHistory | None:
    """Return one with all its revisions; None where there is none of that id."""
    rows = snapshot.rows(
        "SELECT * FROM incidents WHERE incident_id = $id ORDER BY revision",
        {"id": incident_id},
        MOST_REVISIONS,
    )
    by_revision = {row["revision"]: row for row in rows}  # a line may have been written twice
    return IncidentHistory([incident_of(row) for row in by_revision.values()]) if rows else None


def _known_in(snapshot: Snapshot) -> Sequence[IncidentHistory]:
    rows = snapshot.rows(
        "SELECT * FROM incidents_held ORDER BY state = 'open' DESC,"
        " state = 'open' AND severity = 'critical' DESC, opened_at DESC",
        {},
        MOST,
    )
    known = [IncidentHistory([incident_of(row)]) for row in rows]
    return sorted(
        known,
        key=lambda one: (
            one.latest.state is not IncidentState.OPEN,
            -_ORDER[one.latest.severity] if one.latest.state is IncidentState.OPEN else 0,
            -one.latest.opened_at,
        ),
    )
