"""Coordinates of cars, derived from names so that they need no memory."""

from __future__ import annotations

from hashlib import blake2b

_CITY_DEGREES = 0.05
"""Radius of a city, about 5 km [E]."""
_MOST_LATITUDE = 60.0
"""Cities are made up between these, south and north."""


def coordinates_of(vehicle_id: str, region: str) -> tuple[float, float]:
    """Return latitude and longitude of a car in degrees: near those of its region's others."""
    north, east = _unit(f"region/{region}")
    off_north, off_east = _unit(f"car/{vehicle_id}")
    latitude = (2 * north - 1) * _MOST_LATITUDE + (2 * off_north - 1) * _CITY_DEGREES
    longitude = (2 * east - 1) * 179.0 + (2 * off_east - 1) * _CITY_DEGREES
    return round(latitude, 5), round(longitude, 5)


def _unit(name: str) -> tuple[float, float]:
    """Return two numbers from 0 to 1 that a name stands for."""
    digest = blake2b(name.encode(), digest_size=8).digest()
    halves = (int.from_bytes(digest[:4]), int.from_bytes(digest[4:]))
    return halves[0] / 2**32, halves[1] / 2**32
