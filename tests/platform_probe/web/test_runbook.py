"""The runbook as the monitor serves it."""

from __future__ import annotations

import re

import pytest

from platform_probe.web.runbook import runbook_page
from tests.helpers.shipped import PROMETHEUS, alerts, yaml


@pytest.mark.parametrize("alert", [each["alert"] for each in alerts()])
def test_each_alert_leads_to_its_page(alert: str) -> None:
    """The link in the alert is the label of Prometheus and the name of the page."""
    label = yaml(PROMETHEUS / "prometheus.yml")["global"]["external_labels"]["runbook"]
    path = re.sub(r"^http://localhost:9464", "", label) + f"/{alert}.md"
    page = runbook_page(path)
    assert page is not None
    text = page.decode()
    assert f"<title>{alert}</title>" in text
    assert "<b>What to do</b>" in text


def test_a_page_leads_to_others() -> None:
    """A link of the page is one here; what is no markup of ours stays text."""
    page = runbook_page("/runbook/RegionFails.md")
    assert page is not None
    assert '<a href="OperatorFails.md">OperatorFails</a>' in page.decode()


@pytest.mark.parametrize(
    "path", ["/runbook/", "/runbook/Nobody.md", "/runbook/../operate.md", "/", "/RegionFails.md"]
)
def test_there_is_nothing_else(path: str) -> None:
    """No other file of the machine can be asked for."""
    assert runbook_page(path) is None
