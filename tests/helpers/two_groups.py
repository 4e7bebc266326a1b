"""A scenario whose loading is tested."""

from __future__ import annotations

from pathlib import Path

from tests.helpers.places import ROOT

TWO_GROUPS = (ROOT / "tests/helpers/scenarios/two_groups.yaml").read_text("utf-8")


def write_two_groups(directory: Path) -> Path:
    """Write the scenario into a file, and return its path."""
    path = directory / "two.yaml"
    path.write_text(TWO_GROUPS, encoding="utf-8")
    return path
