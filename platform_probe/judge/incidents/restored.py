"""An incident of an earlier process as findings, to link new ones with it."""

from __future__ import annotations

import math

from fleet_wire.contract.incident import Incident, IncidentState
from platform_probe.judge.detection.finding import Finding
from platform_probe.judge.incidents.grouping import LEAST_OF_MODE


def restored_findings(incident: Incident, known: int) -> list[Finding]:
    """Return what an earlier process knew of an incident as findings, one for each cohort.

    Their numbers are negative: no test of this process has them. `known` of them are in use.
    """
    weight = LEAST_OF_MODE if incident.mode is not None else 0.0
    return [
        Finding(
            number=-known - place,
            kind=incident.kind,
            what=incident.kind.value,
            at=incident.at,
            since=incident.since,
            last_at=incident.ended_at or incident.at,
            cohort=cohort,
            failed=incident.failed,
            total=incident.total,
            causes={} if incident.cause is None else {incident.cause: max(incident.failed, 1)},
            modes={} if incident.mode is None else {incident.mode: weight},
            diagnosed=math.ceil(weight),
            is_over=incident.state is not IncidentState.OPEN,
        )
        for place, cohort in enumerate(incident.affected_cohorts, start=1)
    ]
