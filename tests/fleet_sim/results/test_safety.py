"""Tests of `fleet_sim.results.safety`."""

from __future__ import annotations

from fleet_sim.platform.safety import FindingKind
from fleet_sim.results.safety import NOTES


def test_each_kind_has_words() -> None:
    """The kinds are those of the watch."""
    assert list(NOTES) == [kind.value for kind in FindingKind]
