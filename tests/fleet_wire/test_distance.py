"""How far two places lie apart."""

from __future__ import annotations

import pytest

from fleet_wire.distance import distance_km


def test_a_quarter_of_the_way_round_the_earth() -> None:
    """From the equator to the pole: 10,008 km."""
    assert distance_km((0.0, 0.0), (90.0, 0.0)) == pytest.approx(10_007.5, abs=1)
    assert distance_km((12.0, 7.0), (12.0, 7.0)) == 0.0


def test_the_date_line_lies_between_neighbours() -> None:
    """Two places on both sides of it are no half turn apart."""
    assert distance_km((0.0, 179.9), (0.0, -179.9)) == pytest.approx(22.2, abs=0.1)
    assert distance_km((0.0, 0.0), (0.0, 180.0)) == pytest.approx(20_015, abs=1)
