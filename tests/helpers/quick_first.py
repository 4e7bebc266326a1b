"""A plugin for pytest: tests that try many examples come last.

A change to the code is mostly noticed by a test that takes a millisecond; with `-x` the slow ones
are then not run at all.
"""

from __future__ import annotations

import pytest


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests that hypothesis runs behind all others."""
    items.sort(key=lambda item: item.get_closest_marker("hypothesis") is not None)
