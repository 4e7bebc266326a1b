"""Settings: what they hide, and what they are checked against; `settings.txt` has the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest

from bench.score.incidents import TWO_TOPICS
from fleet_wire.config.file import Loc
from fleet_wire.errors import ConfigError
from fleet_wire.profiles.loading import load_profile
from platform_probe.settings.load import LoadSettings
from platform_probe.settings.monitor import ProbeSettings, load_settings, settings_schema
from tests.helpers.profile_files import profile_of


def test_secrets_are_hidden_for_display() -> None:
    """Neither the broker's password nor the fleet's secret is printed."""
    secrets = {"broker": "mqtt://user:hunter2@broker:1883", "fleet_secret": "hunter3"}
    settings = ProbeSettings.model_validate(secrets)
    shown = settings.model_dump_json()
    assert "hunter" not in shown
    assert "mqtt://user@broker:1883" in shown
    assert settings.brokers.first.password == "hunter2"  # noqa: S105 - made up here


def test_a_file_without_a_car_is_named(tmp_path: Path) -> None:
    """Nothing would be unlocked."""
    path = tmp_path / "cars.txt"
    path.write_text("\n")
    with pytest.raises(ConfigError, match=f"{path}: no vehicle ids"):
        LoadSettings(vehicles_file=path).vehicle_ids()
    path.write_text("car-1\n")
    assert LoadSettings(vehicles_file=path).vehicle_ids() == ["car-1"]


def test_schema_describes_every_key() -> None:
    """Editors can explain each setting, and the schema accepts what the loader accepts."""
    schema = settings_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    for model in (schema, *schema["$defs"].values()):
        for name, prop in model.get("properties", {}).items():  # an enumeration has none
            is_arrival = model.get("title") in ("Constant", "Poisson", "Ramp", "Burst", "Times")
            assert is_arrival or "description" in prop, name
    jsonschema.validate({"seed": 1, "load": {"vehicles": ["a"]}}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"sed": 1}, schema)


@pytest.mark.parametrize("by", ["environment", "file", "flag"])
def test_secrets_can_stand_in_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    """For mounted secrets; whoever lists processes or prints settings sees paths only."""
    secrets = {"broker_password": "hunter2", "fleet_secret": "hunter3"}
    paths = {f"{key}_file": tmp_path / key for key in secrets}
    for key, secret in secrets.items():
        (tmp_path / key).write_text(f"{secret}\n")
    config = tmp_path / "probe.yaml"
    config.write_text("broker: mqtt://user@broker:1883\n")
    flags: dict[Loc, tuple[Any, str]] = {}
    for key, path in paths.items():
        if by == "environment":
            monkeypatch.setenv(f"PLATFORM_PROBE_{key.upper()}", str(path))
        elif by == "file":
            config.write_text(f"{config.read_text()}{key}: {path}\n")
        else:
            flags[key,] = (str(path), f"--{key}")
    settings = load_settings(config, flags)
    assert settings.brokers.first.password == "hunter2"  # noqa: S105
    assert settings.fleet_secret.get_secret_value() == "hunter3"
    assert "hunter" not in settings.model_dump_json()


def test_the_version_of_mqtt_is_the_profiles_unless_it_is_set() -> None:
    """`protocol` wins; YAML's number 5 is a version too."""
    ovms, native = load_profile("ovms"), load_profile("native")
    assert ProbeSettings().mqtt_version(ovms) == "3.1.1"
    assert ProbeSettings().mqtt_version(native) == "5"
    assert ProbeSettings.model_validate({"protocol": 5}).mqtt_version(ovms) == "5"


def test_cars_that_cannot_be_locked_are_not_opened() -> None:
    """Relocking needs a word for it; the error says what to set."""
    profile = profile_of(TWO_TOPICS.replace(", CLOSE: lock", ""))
    settings = ProbeSettings(load=LoadSettings(every_s=60.0, vehicles=["car-1"]))
    with pytest.raises(ConfigError, match=r"load.relock: profile my has no word for lock"):
        settings.check_fits(profile)
    settings.check_fits(load_profile("saic"))
    ProbeSettings().check_fits(profile)
