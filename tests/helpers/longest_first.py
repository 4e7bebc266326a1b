"""The order in which workers take the files of tests: those that take longest come first.

A long file that comes last keeps one worker busy while the others have nothing left to do, and
`--dist loadfile` alone would put those with one test last, however long it takes. Those that
compute stand between those that wait, so that workers wait while others compute.
"""

from __future__ import annotations

import pytest

from tests.helpers.places import ROOT

LONGEST = (
    "deploy/test_demo.py",
    "platform_probe/test_live_soak.py",
    "scenarios/test_shipped.py",
    "test_contributing.py",
    "deploy/test_package.py",
    "scenarios/test_agreement.py",
    "test_readme.py",
    "platform_probe/test_live.py",
    "deploy/test_prometheus_files.py",
    "live/test_sweep_dask.py",
    "scenarios/test_shipped_without_faults.py",
    "days/test_faults_page.py",
    "platform_probe/web/console/test_browser.py",
    "platform_probe/test_live_otlp.py",
    "live/test_truth.py",
    "fleet_sim/truth/test_run.py",
    "days/test_healthy_days.py",
    "live/test_stories.py",
    "deploy/test_ci.py",
    "bench/score/test_every_mode.py",
    "test_docs_faults.py",
    "live/test_spread.py",
    "fleet_sim/commands/test_shrink.py",
    "scenarios/test_shipped_live.py",
    "fleet_sim/sweeps/test_sweep.py",
    "platform_probe/commands/test_stories.py",
    "platform_probe/commands/test_diagnose.py",
    "platform_probe/store/test_queries.py",
    "deploy/test_kubernetes.py",
    "docs/test_generated.py",
    "live/test_rentals.py",
    "platform_probe/store/test_user_sql.py",
    "platform_probe/web/console/test_process.py",
    "platform_probe/tell/support/test_stories.py",
    "bench/test_bench_smoke.py",
    "platform_probe/web/console/test_stories.py",
    "platform_probe/web/console/test_pages.py",
    "live/test_platform.py",
    "exported/test_exported.py",
    "deploy/test_live_stack.py",
    "scenarios/test_safety.py",
)
"""Files below tests/ that take ten seconds or more, the longest first."""


def longest_first(items: list[pytest.Item]) -> None:
    """Put the tests of these files before all others; the order within a file stays."""
    places = {ROOT / "tests" / name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))
