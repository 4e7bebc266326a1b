"""Tests of settings that environment variables set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fleet_wire.errors import ConfigError
from platform_probe.settings.environment import values_of
from platform_probe.settings.monitor import ENV_PREFIX, ProbeSettings, load_settings


def values(**variables: str) -> dict[tuple[str | int, ...], Any]:
    """Return what variables set, by its place, without the prefix in their names."""
    named = {ENV_PREFIX + name: value for name, value in variables.items()}
    return dict(values_of(named, ProbeSettings, ENV_PREFIX))


@pytest.mark.parametrize(
    ("name", "text", "place", "value"),
    [
        ("SEED", "4", ("seed",), "4"),  # a number is made of it where it is checked
        ("LISTEN", "[::1]:9464", ("listen",), "[::1]:9464"),
        ("BROKER_PASSWORD", '["a"]', ("broker_password",), '["a"]'),
        ("LOAD__DEADLINE_S", "8", ("load", "deadline_s"), "8"),
        ("LOAD__VEHICLES", '["car-1"]', ("load", "vehicles"), ["car-1"]),
        ("LOAD", '{"deadline_s": 8}', ("load", "deadline_s"), 8),
        ("ROTATION", "null", ("rotation",), None),
        ("LOAD__NOTHING", "[1]", ("load", "nothing"), "[1]"),
    ],
)
def test_text_is_json_where_a_list_or_a_mapping_is_due(
    name: str, text: str, place: tuple[str, ...], value: object
) -> None:
    """Other text stays as it is, whatever it looks like."""
    assert values(**{name: text}) == {place: value}


def test_a_part_wins_over_the_whole() -> None:
    """In whatever order the environment has them."""
    whole = {"LOAD": '{"deadline_s": 8, "vehicles": ["car-1"]}'}
    part = {"LOAD__DEADLINE_S": "9"}
    expected = {("load", "deadline_s"): "9", ("load", "vehicles"): ["car-1"]}
    assert values(**whole, **part) == values(**part, **whole) == expected


@pytest.mark.parametrize("name", ["LOAD", "LOAD__VEHICLES", "MESSAGES__WEBHOOKS"])
def test_what_is_no_json_is_an_error(name: str) -> None:
    """It names the variable, and shows how a list is written."""
    with pytest.raises(ConfigError) as raised:
        values(**{name: "car-1,car-2"})
    assert str(raised.value).startswith(f"{ENV_PREFIX}{name}: lists and mappings are written as")


def test_null_switches_a_part_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it does in the file."""
    monkeypatch.setenv(f"{ENV_PREFIX}ROTATION", "null")
    monkeypatch.chdir(tmp_path)
    assert load_settings().rotation is None
