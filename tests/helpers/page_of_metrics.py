"""docs/metrics.md: every metric of the probe."""

from __future__ import annotations

from prometheus_client.metrics_core import Metric

from platform_probe.judge_process.metrics import JudgeMetrics
from platform_probe.outputs.dimension import MAX_LABEL_VALUES, MAX_NEW_OF_ONE, OTHER, UNKNOWN
from platform_probe.outputs.metrics import ProbeMetrics, new_registry
from platform_probe.web.console.metrics import ConsoleMetrics
from tests.helpers.markdown import code, table

INTRODUCTION = f"""\
# Metrics

Written by `python -m tests.docs --renew` from `platform_probe/outputs/metrics.py`.

`platform-probe` serves these at `/metrics`, as Prometheus text or as OpenMetrics.
OpenMetrics has `trace_id` and `span_id` of an unlock as exemplars.
Times are seconds, and a counter ends in `_total`.
Every series that can be known in advance exists at 0 from the start.
No label names a car, a customer or an attempt.

A label with the values {UNKNOWN} and {OTHER} also has up to {MAX_LABEL_VALUES} values that cars \
report.
Later values share {OTHER}, until one of these has not been seen for an hour.
Values that nobody else reports become {OTHER} earlier, in everything that the monitor keeps.
The limit is {MAX_NEW_OF_ONE} new ones of a car within an hour, and 1,000 of a fleet (10,000 sites).
`unlockpath_capped_values_total` counts them.

Series about the API and the platform's log exist only if `platform` is set, or if unlocks go \
over HTTP.
The rules over them are in `deploy/prometheus/rules`.
[log.md](log.md) explains the label values: causes, stages, flags.
"""
OF_THE_CONSOLE = """\
## The console

Its process serves these at `/metrics` of its own port, to everybody who reaches it: they name \
nobody.
"""
BACKENDS = ("slack", "alertmanager", "webhook:NAME")
"""Receivers of messages about incidents."""


def page_of_metrics() -> str:
    """Return the page."""
    families = all_probe_families()
    ours = probe_families()
    of_the_process = [family for family in families if family.name.startswith("process_")]
    return "\n".join(
        [
            INTRODUCTION,
            table(("Metric", "Type", "Labels", "Meaning"), map(_row, ours)),
            "## Buckets\n",
            table(
                ("Histogram", "Edges in seconds"),
                [_edges(one) for one in ours if one.type == "histogram"],
            ),
            "## The process\n",
            table(("Metric", "Type", "Labels", "Meaning"), map(_row, of_the_process)),
            OF_THE_CONSOLE,
            table(("Metric", "Type", "Labels", "Meaning"), map(_row, console_families())),
        ]
    )


def all_probe_families() -> list[Metric]:
    """Return what the monitor shows, with all that settings may add."""
    metrics = ProbeMetrics(new_registry(), version="VERSION", follows_platform=True, asks_api=True)
    judge = JudgeMetrics(new_registry(), backends=BACKENDS)
    return [*metrics.registry.collect(), *judge.registry.collect()]


def probe_families() -> list[Metric]:
    """Return the same, those of its process aside."""
    return [one for one in all_probe_families() if not one.name.startswith("process_")]


def console_families() -> list[Metric]:
    """Return what the console shows, those of its process aside."""
    metrics = ConsoleMetrics()
    metrics.watch(watchers=lambda: 0.0, ahead_s=lambda: 0.0, provider_up=lambda: 1.0)
    found = metrics.registry.collect()
    return [one for one in found if not one.name.startswith("process_")]


def _row(family: Metric) -> tuple[str, str, str, str]:
    values: dict[str, dict[str, None]] = {}
    for sample in family.samples:
        for label, value in sample.labels.items():
            if label != "le":
                values.setdefault(label, {})[value] = None
    labels = "; ".join(f"{code(label)}: {', '.join(found)}" for label, found in values.items())
    name = f"{family.name}_total" if family.type == "counter" else family.name
    return code(name), family.type, labels, family.documentation


def _edges(family: Metric) -> tuple[str, str]:
    edges = dict.fromkeys(
        sample.labels["le"] for sample in family.samples if sample.name.endswith("_bucket")
    )
    return code(family.name), ", ".join(f"{float(edge):g}" for edge in edges)
