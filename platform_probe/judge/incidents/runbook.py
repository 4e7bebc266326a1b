"""Name the page of the runbook that says what to do about an incident."""

from __future__ import annotations

from typing import Final

from fleet_wire.contract.causes import Cause
from fleet_wire.contract.incident import Incident, IncidentKind

_BY_KIND: Final = {
    IncidentKind.LATENCY: "UnlocksSlow",
    IncidentKind.SILENCE: "NoUnlocks",
    IncidentKind.CARS_LOST: "BoxesGoOffline",
    IncidentKind.LATE_UNLOCKS: "LateUnlock",
    IncidentKind.GENERIC_ERRORS: "AnswersExplainNothing",
    IncidentKind.MONITOR_BLIND: "BrokerDisconnected",
    IncidentKind.SUSPICIOUS: "BoxesRefuse",
}
_BY_TRAIT: Final = {
    "firmware": "FirmwareFails",
    "hardware": "HardwareFails",
    "operator": "OperatorFails",
    "region": "RegionFails",
}
"""The narrowest first: of a cohort with several traits the first one here has the page."""
_BY_CAUSE: Final = {
    Cause.BOX_REJECTED: "BoxesRefuse",
    Cause.BOX_SAYS_EXPIRED: "BoxesRefuse",
    Cause.API_FAILED: "CustomersFail",
    Cause.API_REFUSED: "CustomersFail",
}
_OF_FAILURES: Final = "FailuresRise"
PAGES: Final = frozenset(
    (*_BY_KIND.values(), *_BY_TRAIT.values(), *_BY_CAUSE.values(), _OF_FAILURES)
)
"""All pages that an incident may lead to."""


def runbook_page(incident: Incident) -> str:
    """Return the name of the page, as it stands in docs/runbook without its ending.

    Failures lead to the page of the trait that those hit share, else to that of their cause.
    """
    if incident.kind is not IncidentKind.FAILURES:
        return _BY_KIND[incident.kind]
    for trait, page in _BY_TRAIT.items():
        if trait in incident.cohort:
            return page
    return _OF_FAILURES if incident.cause is None else _BY_CAUSE.get(incident.cause, _OF_FAILURES)
