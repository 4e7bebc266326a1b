"""A plugin for pytest: quick tests come first, and those that try many examples last.

A change to the code is mostly noticed by a test that takes a millisecond; with `-x` the slow ones
are then not run at all.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

DURATIONS = Path("mutmut-stats.json")
"""Where mutmut notes how long each test has taken, in the folder that it runs tests in."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort by how long tests have taken, as far as that is known, those of hypothesis last."""
    took_s: dict[str, float] = {}
    if DURATIONS.exists():
        took_s = json.loads(DURATIONS.read_text("utf-8"))["duration_by_test"]
    items.sort(
        key=lambda item: (
            item.get_closest_marker("hypothesis") is not None,
            took_s.get(item.nodeid, 0.0),
        )
    )
