"""The runbook: a page for each alert, and no page for an alert that is gone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fleet_wire.modes.catalogue import MODES
from fleet_wire.modes.facts import Fact
from tests.helpers.places import ROOT
from tests.helpers.shipped import DASHBOARDS, EXPOSED, RECORDED, alerts, dashboard, recording_rules

RUNBOOK = ROOT / "docs" / "runbook"
PAGES = sorted(RUNBOOK.glob("*.md"))
SECTIONS = ["What it means", "How to see it", "What to do", "Whom to ask"]


def test_there_is_a_page_for_each_alert_and_an_alert_for_each_page() -> None:
    """Whoever is woken finds what the link promises; what nobody is sent to is deleted."""
    assert {page.stem for page in PAGES} == {alert["alert"] for alert in alerts()}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_page_says_what_it_means_and_what_to_do(page: Path) -> None:
    """Four sections in their order, each with something in it; the title is the alert's name."""
    text = page.read_text(encoding="utf-8")
    title, *sections = re.split(r"^## ", text, flags=re.MULTILINE)
    assert title.strip() == f"# {page.stem}"
    assert [section.partition("\n")[0] for section in sections] == SECTIONS
    assert all(len(section.partition("\n")[2].strip()) > 20 for section in sections)


def test_pages_name_what_exists() -> None:
    """Links lead to other pages; the series and panels that they name are there."""
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    for link in re.findall(r"\]\((\w+\.md)\)", text):
        assert (RUNBOOK / link).is_file(), link
    assert set(RECORDED.findall(text)) <= {rule["record"] for rule in recording_rules()}
    assert not [name for name in EXPOSED.findall(text) if name.startswith("unlockpath_")]
    titles = {
        panel["title"] for path in DASHBOARDS for panel in dashboard(path)["panels"]
    } | {"Who asked", "party", "Targets", "Rules"}  # fmt: skip
    assert {*re.findall(r"(?<!\*)\*([^*\n]+)\*(?!\*)", text)} - titles == set()


@pytest.mark.parametrize(
    ("page", "trait"),
    [
        ("FirmwareFails", Fact.FIRMWARE_FAILS),
        ("HardwareFails", Fact.HARDWARE_FAILS),
        ("OperatorFails", Fact.OPERATOR_FAILS),
        ("RegionFails", Fact.REGION_FAILS),
    ],
)
def test_page_explains_each_cause_that_its_alert_can_name(page: str, trait: Fact) -> None:
    """Causes of all failure modes that strike cars with this trait in common."""
    text = (RUNBOOK / f"{page}.md").read_text(encoding="utf-8")
    causes = {
        cause
        for mode in MODES.values()
        if trait in mode.signature.needs | mode.signature.may_show
        for cause in mode.causes
        if cause is not None
    }
    assert len(causes) > 5
    missing = {cause.value for cause in causes if f"| `{cause}` | " not in text}
    assert not missing
    assert "names the most frequent cause of all failures" in text  # its query has no trait
