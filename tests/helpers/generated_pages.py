"""The files that are written from the code, and from other files: they cannot fall behind."""

from __future__ import annotations

from collections.abc import Callable
from textwrap import indent

from bench.fidelity.page import page
from bench.fidelity.rows import all_rows
from tests.helpers.doc_pages import (
    page_of_api,
    page_of_metrics,
    page_of_modes,
    page_of_scenario,
    page_of_settings,
)
from tests.helpers.moving_picture import terminal
from tests.helpers.page_of_log import page_of_log
from tests.helpers.pictures import diagnosis, incident, stages
from tests.helpers.shipped import PROMETHEUS

HEAD = """\
# Written by `python -m tests.docs --renew` from deploy/prometheus/rules.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata: {name: unlockpath}
spec:
  groups:
"""


def page_of_rules() -> str:
    """Return the rules of Prometheus as the Prometheus Operator takes them."""
    files = [PROMETHEUS / "rules" / f"{name}.yml" for name in ("recording", "alerts")]
    texts = [path.read_text(encoding="utf-8").partition("groups:\n")[2] for path in files]
    return HEAD + indent("\n".join(texts), "  ")


RENEW = "python -m tests.docs --renew"
PAGES: dict[str, Callable[[], str]] = {
    "docs/api-reference.md": page_of_api,
    "docs/scenario-keys.md": page_of_scenario,
    "docs/probe.md": page_of_settings,
    "docs/metrics.md": page_of_metrics,
    "docs/log.md": page_of_log,
    "docs/modes.md": page_of_modes,
    "docs/fidelity.md": lambda: page(all_rows()),
    "docs/images/diagnosis.svg": diagnosis,
    "docs/images/incident.svg": incident,
    "docs/images/live.svg": terminal,
    "docs/images/stages.svg": stages,
    "deploy/kubernetes/prometheus-operator/rules.yaml": page_of_rules,
}
"""What writes each page."""
