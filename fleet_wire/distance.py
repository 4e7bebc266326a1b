"""How far two places lie apart."""

from __future__ import annotations

import math
from typing import Final

Coordinates = tuple[float, float]
"""Latitude and longitude, degrees."""
EARTH_KM: Final = 6_371.0
"""Its mean radius: H. Moritz, Geodetic Reference System 1980."""


def distance_km(one: Coordinates, other: Coordinates) -> float:
    """Return the way between two places over the earth, kilometres, by the haversine formula."""
    (lat, lon), (other_lat, other_lon) = (map(math.radians, place) for place in (one, other))
    half = (
        math.sin((other_lat - lat) / 2) ** 2
        + math.cos(lat) * math.cos(other_lat) * math.sin((other_lon - lon) / 2) ** 2
    )
    return 2 * EARTH_KM * math.asin(min(1.0, math.sqrt(half)))
