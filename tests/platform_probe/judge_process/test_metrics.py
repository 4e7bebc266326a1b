"""What the judge's process counts of its own work."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from platform_probe.judge_process.metrics import JudgeMetrics


def test_unlocks_that_were_closed_early_are_counted_once() -> None:
    """The judge says how many there were since its start, again and again."""
    registry = CollectorRegistry()
    metrics = JudgeMetrics(registry)
    for number in (0, 2, 2, 5):
        metrics.closed_early.value = number
    assert registry.get_sample_value("unlockpath_judge_closed_early_total") == 5.0
