"""The order in which workers take the files of tests: those that take longest come first.

A long file that comes last keeps one worker busy while the others have nothing left to do, and
`--dist loadfile` alone would put those with one test last, however long it takes. Those that
compute stand between those that wait, so that workers wait while others compute.
"""

from __future__ import annotations

import pytest

from tests.helpers.places import ROOT

LONGEST = (ROOT / "tests/longest.txt").read_text("utf-8").split()
"""Files below tests/ that take ten seconds or more, the longest first."""


def longest_first(items: list[pytest.Item]) -> None:
    """Put the tests of these files before all others; the order within a file stays."""
    places = {ROOT / "tests" / name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))
