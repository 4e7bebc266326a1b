"""The files that are written from the code, and from other files: they cannot fall behind."""

from __future__ import annotations

from collections.abc import Callable

from tests.helpers.moving_picture import terminal
from tests.helpers.page_of_api import page_of_api
from tests.helpers.page_of_fidelity import page_of_fidelity
from tests.helpers.page_of_log import page_of_log
from tests.helpers.page_of_metrics import page_of_metrics
from tests.helpers.page_of_modes import page_of_modes
from tests.helpers.page_of_rules import page_of_rules
from tests.helpers.page_of_scenario import page_of_scenario
from tests.helpers.page_of_settings import page_of_settings
from tests.helpers.pictures import diagnosis, incident, stages

RENEW = "python -m tests.docs --renew"
PAGES: dict[str, Callable[[], str]] = {
    "docs/api-reference.md": page_of_api,
    "docs/scenario-keys.md": page_of_scenario,
    "docs/probe.md": page_of_settings,
    "docs/metrics.md": page_of_metrics,
    "docs/log.md": page_of_log,
    "docs/modes.md": page_of_modes,
    "docs/fidelity.md": page_of_fidelity,
    "docs/images/diagnosis.svg": diagnosis,
    "docs/images/incident.svg": incident,
    "docs/images/live.svg": terminal,
    "docs/images/stages.svg": stages,
    "deploy/kubernetes/prometheus-operator/rules.yaml": page_of_rules,
}
"""What writes each page."""
