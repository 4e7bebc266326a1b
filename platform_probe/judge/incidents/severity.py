"""How bad it is."""

from __future__ import annotations

from typing import Final

from fleet_wire.contract.incident import IncidentKind, Severity
from platform_probe.judge.detection.finding import Finding

ORDER: Final = (Severity.NOTICE, Severity.WARNING, Severity.CRITICAL)
HALF: Final = 0.5
MANY: Final = 10
"""The number of customers or cars, half of them hit, from which an incident should wake somebody
[E].
"""
MANY_CARS: Final = 50
_OF_KIND: Final = {
    IncidentKind.FAILURES: Severity.WARNING,
    IncidentKind.LATENCY: Severity.NOTICE,
    IncidentKind.SILENCE: Severity.WARNING,
    IncidentKind.CARS_LOST: Severity.WARNING,
    IncidentKind.LATE_UNLOCKS: Severity.CRITICAL,
    IncidentKind.GENERIC_ERRORS: Severity.WARNING,
    IncidentKind.MONITOR_BLIND: Severity.WARNING,
    IncidentKind.SUSPICIOUS: Severity.CRITICAL,
}


def severity_of(finding: Finding) -> Severity:
    """Return how bad a finding is by its kind, and by how many it hits."""
    kind = finding.kind
    if kind in (IncidentKind.FAILURES, IncidentKind.GENERIC_ERRORS):
        whom = max(len(finding.customers), len(finding.cars))
        if finding.share >= HALF and whom >= MANY:
            return Severity.CRITICAL
    if kind is IncidentKind.CARS_LOST and finding.failed >= MANY_CARS:
        return Severity.CRITICAL
    return _OF_KIND[kind]


def worse(one: Severity, other: Severity) -> Severity:
    """Return the worse of two."""
    return max(one, other, key=ORDER.index)
