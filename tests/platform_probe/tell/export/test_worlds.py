"""The worlds of an incident: its likely modes, a fleet in proportion, nothing personal."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet_wire.config.file import yaml_text
from fleet_wire.contract.causes import Cause
from fleet_wire.errors import ConfigError
from platform_probe.store.reading import Source, Span
from platform_probe.tell.export.worlds import FLEET, worlds_of
from tests.helpers.diagnoses import put_believed
from tests.helpers.stores import BEGIN_S, put_unlocks, unlock

SPAN = Span(BEGIN_S - 10.0, BEGIN_S + 3_600.0)


def test_the_likely_modes_become_worlds(tmp_path: Path) -> None:
    """Each is as likely as the diagnoses say, and its fault goes on."""
    for number in range(5):
        failed = unlock(number, car=f"car-{number}", cause=Cause.BOX_OFFLINE)
        put_believed(tmp_path, failed, "no_coverage_garage")
    put_unlocks(tmp_path, [unlock(number, car=f"well-{number}") for number in range(5, 30)])

    found = worlds_of(Source(tmp_path), SPAN, [f"car-{n}" for n in range(5)], None)

    (world, *_) = found["worlds"]
    assert world["mode"] == "no_coverage_garage"
    assert world["scenario"]["faults"][0]["window"] == {"start_s": 0}
    assert sum(group["count"] for group in world["scenario"]["fleet"]["groups"]) <= FLEET
    assert "car-" not in yaml_text(found)
    assert found["unknown"]


def test_an_incident_without_diagnoses_is_refused(tmp_path: Path) -> None:
    """There is no world to play yet."""
    put_unlocks(tmp_path, [unlock(1, car="car-1", cause=Cause.BOX_OFFLINE)])

    with pytest.raises(ConfigError, match="is diagnosed yet"):
        worlds_of(Source(tmp_path), SPAN, ["car-1"], None)
