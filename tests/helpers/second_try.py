"""A second try for tests of real processes, and a summary of those that needed it.

A pure unit test has none: there, a second try would hide a defect. `-p no:rerunfailures` gives none
to any test.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pytest
from _pytest.terminal import TerminalReporter

from tests.helpers.outside_programs import PROGRAMS

LIVE: Final = "live"
"""Tests in folders of this name start our own commands."""
IOTCORE: Final = "iotcore"
"""A real broker that is installed with the package, so no marker names it."""
TITLE: Final = "passed only at the second try"


def pytest_collection_modifyitems(config: pytest.Config, items: Sequence[pytest.Item]) -> None:
    """Give each test of real processes a second try. There is none under a debugger."""
    if config.pluginmanager.hasplugin("rerunfailures") and not config.option.usepdb:
        for item in filter(starts_processes, items):
            item.add_marker(pytest.mark.flaky(reruns=1))


def starts_processes(item: pytest.Item) -> bool:
    """Return whether a test depends on when other processes get to run."""
    markers = {marker.name for marker in item.iter_markers()}
    is_real = not markers.isdisjoint({*PROGRAMS, "dask"}) or IOTCORE in item.name
    return is_real or LIVE in item.path.parts


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """Name the tests that have passed only at the second try, and say how each failed before."""
    failed = {each.nodeid for each in reports(terminalreporter, "failed", "error")}
    first_tries = [each for each in reports(terminalreporter, "rerun") if each.nodeid not in failed]
    if first_tries:
        terminalreporter.section(TITLE, yellow=True)
    for report in first_tries:
        terminalreporter.write_sep("_", report.nodeid)
        terminalreporter.write_line(report.longreprtext)


def reports(reporter: TerminalReporter, *kinds: str) -> list[pytest.TestReport]:
    """Return the reports of these kinds."""
    found = [each for kind in kinds for each in reporter.stats.get(kind, ())]
    return [each for each in found if isinstance(each, pytest.TestReport)]
