"""The pages on OTLP: settings are right, and what they say of spans and metrics is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from platform_probe.outputs.otlp.spans import hops_at
from platform_probe.settings.monitor import load_settings
from platform_probe.settings.otlp import OtlpSettings, Signal
from tests.helpers.otlp_lines import NATIVE_BROKER
from tests.helpers.pages import blocks, files, page, rows

TEXT = page("otlp.md")
ARRIVES = page("otlp-reference.md")
TITLES = re.findall(r"^## (.*)$", TEXT, flags=re.MULTILINE)
BACKENDS = {
    "New Relic": ("https://otlp.nr-data.net/v1/logs", "delta"),
    "Datadog": ("https://otlp.datadoghq.com/v1/logs", "delta"),
    "Elastic": ("https://my-project.ingest.eu-west-1.aws.elastic.cloud:443/v1/logs", "delta"),
    "Grafana": ("https://otlp-gateway-prod-eu-west-2.grafana.net/otlp/v1/logs", "cumulative"),
    "Logz.io": ("https://otlp-listener-eu.logz.io/v1/logs", "cumulative"),
}
"""Where logs go at those that need a key, as their own pages name it, and what metrics are.

Datadog takes nothing but differences, and the kin of Prometheus nothing but totals.
"""


def section_of(backend: str) -> str:
    """Return what the page says of a backend."""
    return re.split(r"^## ", TEXT.split(f"\n## {backend}\n", 1)[1], flags=re.MULTILINE)[0]


def settings_of(backend: str, directory: Path) -> list[OtlpSettings]:
    """Return the settings in a section, as the probe loads them, with the files that it names."""
    section = section_of(backend)
    for name, text in files(section).items():
        (directory / Path(name).name).write_text(text, encoding="utf-8")
    found = []
    for block in blocks(section, "yaml"):
        path = directory / "probe.yaml"
        path.write_text(block.replace("/etc/unlockpath", str(directory)), encoding="utf-8")
        otlp = load_settings(path).otlp
        assert otlp is not None
        found.append(otlp)
    return found


@pytest.mark.parametrize("backend", TITLES[TITLES.index("New Relic") :])
def test_the_settings_of_a_backend_can_be_used(backend: str, tmp_path: Path) -> None:
    """From its block and its files: every signal has a URL, and headers where keys are needed."""
    (first, *others) = settings_of(backend, tmp_path)
    for settings in (first, *others):
        for signal in settings.signals:
            assert settings.url_of(signal).startswith(("https://", "http://"))
    if backend in BACKENDS:
        assert (first.url_of(Signal.LOGS), first.metrics.temporality) == BACKENDS[backend]
        assert all(first.headers_of(signal) for signal in first.signals)
    assert "ource: https://" in section_of(backend) or "ources: https://" in section_of(backend)


def test_the_spans_are_those_that_are_made() -> None:
    """In their order, with their kinds and stages."""
    told = [
        (row[0].strip("`"), row[1], re.findall(r"`(\w+)`", row[2])[0])
        for row in rows(ARRIVES)
        if len(row) == 3
    ]
    assert told == [(hop.name, hop.kind, stage) for stage, hop in hops_at(NATIVE_BROKER).items()]
