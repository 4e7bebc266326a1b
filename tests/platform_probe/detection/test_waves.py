"""What is known of cars that may be lost together is bounded."""

from __future__ import annotations

from itertools import count

import pytest

from fleet_wire.contract.incident import IncidentKind
from fleet_wire.contract.messages import Presence, PresenceReason, PresenceStatus
from platform_probe.detection import waves as module
from platform_probe.detection.waves import Waves

ONLINE = Presence(PresenceStatus.ONLINE, "s")
WILL = Presence(PresenceStatus.OFFLINE, "s", PresenceReason.LAST_WILL)


def test_of_too_many_cars_the_first_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cars that somebody makes up cost no more memory, and the others are watched as before."""
    monkeypatch.setattr(module, "MOST_CARS", 1_000)
    waves = Waves(count(1))
    for number in range(1_500):
        waves.heard(f"{number}", ONLINE, 0.0, is_retained=True)
    waves.tick(0.0)
    for number in range(600, 900):
        waves.heard(f"{number}", WILL, 1.0, is_retained=False)
    waves.tick(20.0)
    (wave,) = waves.sightings
    assert wave.kind is IncidentKind.CARS_LOST
    assert (len(wave.cars), wave.total) == (300, 1_000)
