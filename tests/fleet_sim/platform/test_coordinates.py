"""Where cars stand."""

from __future__ import annotations

from fleet_sim.platform.coordinates import coordinates_of
from fleet_wire.distance import distance_km


def test_cars_of_a_region_stand_near_each_other() -> None:
    """Within a city, each at a place of its own; another region is another city."""
    one, other = coordinates_of("car-1", "north"), coordinates_of("car-2", "north")
    assert 0 < distance_km(one, other) < 20
    assert distance_km(one, coordinates_of("car-1", "south")) > 100
    assert one == coordinates_of("car-1", "north")
    for number in range(100):
        latitude, longitude = coordinates_of(f"car-{number}", f"region-{number}")
        assert -61 < latitude < 61
        assert -180 <= longitude <= 180
