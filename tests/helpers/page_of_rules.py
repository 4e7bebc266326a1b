"""The rules of Prometheus as the Prometheus Operator takes them: deploy/kubernetes."""

from __future__ import annotations

from textwrap import indent

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
    """Return the manifest with the groups of both files."""
    files = [PROMETHEUS / "rules" / f"{name}.yml" for name in ("recording", "alerts")]
    texts = [path.read_text(encoding="utf-8").partition("groups:\n")[2] for path in files]
    return HEAD + indent("\n".join(texts), "  ")
