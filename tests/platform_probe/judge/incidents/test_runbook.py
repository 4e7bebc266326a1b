"""Tests of `platform_probe.judge.incidents.runbook`: which page an incident leads to."""

from __future__ import annotations

import pytest

from fleet_wire.contract.causes import Cause
from fleet_wire.contract.incident import IncidentKind
from platform_probe.judge.incidents.runbook import PAGES, runbook_page
from tests.helpers.consoles import incident_of
from tests.helpers.places import ROOT


def test_each_page_is_there() -> None:
    """Whoever follows the link finds what to do."""
    assert {page.stem for page in (ROOT / "docs" / "runbook").glob("*.md")} >= PAGES


@pytest.mark.parametrize("kind", IncidentKind)
def test_each_kind_leads_somewhere(kind: IncidentKind) -> None:
    """A new kind of incident needs a page."""
    assert runbook_page(incident_of(kind=kind, cohort={}, cause=None)) in PAGES


@pytest.mark.parametrize(
    ("cohort", "cause", "page"),
    [
        ({"operator": "a", "region": "north"}, Cause.BOX_OFFLINE, "OperatorFails"),
        ({"firmware": "1.0", "region": "north"}, Cause.BOX_REJECTED, "FirmwareFails"),
        ({"app": "3.1"}, Cause.API_FAILED, "CustomersFail"),
        ({}, Cause.BOX_REJECTED, "BoxesRefuse"),
        ({}, Cause.BOX_SILENT, "FailuresRise"),
        ({}, None, "FailuresRise"),
    ],
)
def test_failures_lead_to_what_is_shared_or_to_their_cause(
    cohort: dict[str, str], cause: Cause | None, page: str
) -> None:
    """The narrowest trait first."""
    failures = incident_of(kind=IncidentKind.FAILURES, cohort=cohort, cause=cause)
    assert runbook_page(failures) == page
