"""Settings: which source wins, and what a wrong one is told."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from bench.score.incidents import TWO_TOPICS
from fleet_wire.arrivals import Constant
from fleet_wire.config.file import Loc
from fleet_wire.contract.signing import DEMO_SECRET
from fleet_wire.errors import ConfigError
from fleet_wire.profiles.loading import load_profile
from platform_probe.measure.load.plan import LoadPlan
from platform_probe.settings.load import FloorSettings, LoadSettings
from platform_probe.settings.monitor import (
    PlatformSettings,
    ProbeSettings,
    load_settings,
    settings_schema,
)
from tests.helpers.profile_files import profile_of

FILE = """\
broker: mqtt://file:1883
seed: 3
listen: 127.0.0.1:1
load:
  stages: [{kind: constant, rate_per_s: 5, duration_s: 10}]
  vehicles: [car-1, car-2]
  deadline_s: 7
"""

SERVICE_VARIABLES = {
    "PLATFORM_PROBE_SERVICE_HOST": "10.96.7.21",
    "PLATFORM_PROBE_SERVICE_PORT": "9464",
    "PLATFORM_PROBE_SERVICE_PORT_METRICS": "9464",
    "PLATFORM_PROBE_PORT": "tcp://10.96.7.21:9464",
    "PLATFORM_PROBE_PORT_9464_TCP": "tcp://10.96.7.21:9464",
    "PLATFORM_PROBE_PORT_9464_TCP_PROTO": "tcp",
    "PLATFORM_PROBE_PORT_9464_TCP_PORT": "9464",
    "PLATFORM_PROBE_PORT_9464_TCP_ADDR": "10.96.7.21",
    "PLATFORM_PROBE_METRICS_SERVICE_HOST": "10.96.7.22",
    "PLATFORM_PROBE_METRICS_PORT": "tcp://10.96.7.22:9464",
}
"""For the Services platform-probe and platform-probe-metrics, as the kubelet writes them."""


def written(directory: Path, text: str) -> Path:
    """Return a settings file with this text."""
    path = directory / "probe.yaml"
    path.write_text(text)
    return path


def problems_of(path: Path | None, **flags: Any) -> list[str]:
    """Return what is said about wrong settings."""
    with pytest.raises(ConfigError) as caught:
        load_settings(path, {(name,): (value, f"--{name}") for name, value in flags.items()})
    return caught.value.problems


def test_defaults_only_watch() -> None:
    """Without anything set the probe watches the broker of this machine."""
    settings = load_settings()
    assert settings.broker == "mqtt://127.0.0.1:1883"
    assert settings.watch
    assert settings.load is None
    assert settings.tracking == LoadSettings()
    assert (settings.listen_host, settings.listen_port) == ("127.0.0.1", 9464)
    assert settings.out_dir == Path("probe-data")


def test_whoever_opens_cars_does_not_only_watch() -> None:
    """Nor does whoever opens the null box alone: its answers are timed as they come."""
    assert load_settings().only_watches
    assert not ProbeSettings(floor=FloorSettings()).only_watches
    assert not ProbeSettings(load=LoadSettings(every_s=60.0, vehicles=["car-1"])).only_watches


def test_flags_over_environment_over_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each source overrides the one below, key by key, also within a mapping."""
    monkeypatch.setenv("PLATFORM_PROBE_SEED", "4")
    monkeypatch.setenv("PLATFORM_PROBE_LISTEN", "127.0.0.1:2")
    monkeypatch.setenv("PLATFORM_PROBE_LOAD__DEADLINE_S", "8")
    settings = load_settings(written(tmp_path, FILE), {("seed",): (5, "--seed")})
    assert settings.seed == 5
    assert settings.listen == "127.0.0.1:2"
    assert settings.broker == "mqtt://file:1883"
    assert settings.tracking.deadline_s == 8
    assert settings.tracking.stages == [Constant(rate_per_s=5, duration_s=10)]


def test_mistake_in_the_file_has_its_line(tmp_path: Path) -> None:
    """A typing error is found, with the place and the right word."""
    path = written(tmp_path, FILE.replace("deadline_s", "deadlines_s"))
    assert problems_of(path) == [
        f"{path}:7: load.deadlines_s: unknown key; did you mean 'deadline_s'?"
    ]


def test_mistake_in_the_environment_names_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A value from the environment is not blamed on the file."""
    monkeypatch.setenv("PLATFORM_PROBE_SEED", "many")
    (problem,) = problems_of(written(tmp_path, FILE))
    assert problem == "PLATFORM_PROBE_SEED: seed: expected a whole number, not 'many'"


def test_mistake_in_a_flag_names_the_flag(tmp_path: Path) -> None:
    """A value from a flag is not blamed on the file."""
    (problem,) = problems_of(written(tmp_path, FILE), seed="many")
    assert problem == "--seed: seed: expected a whole number, not 'many'"


def test_unknown_variable_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable with a typing error must not be ignored in silence."""
    monkeypatch.setenv("PLATFORM_PROBE_BROKR", "mqtt://x")
    assert problems_of(None) == ["PLATFORM_PROBE_BROKR: unknown setting; did you mean 'broker'?"]


def test_variables_of_a_kubernetes_service_are_no_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A Service named platform-probe puts these into every pod of its namespace."""
    for name, value in SERVICE_VARIABLES.items():
        monkeypatch.setenv(name, value)
    assert load_settings() == ProbeSettings()


@pytest.mark.parametrize("name", ["PLATFORM_PROBE_PORT", "PLATFORM_PROBE_SERVICE"])
def test_what_kubernetes_does_not_set_is_still_a_mistake(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A port that somebody meant for us is named, and not passed over."""
    monkeypatch.setenv(name, "9000")
    (problem,) = problems_of(None)
    assert problem.startswith(f"{name}: unknown setting")


def test_broken_json_in_the_environment_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list is written as JSON; what is none is named."""
    monkeypatch.setenv("PLATFORM_PROBE_LOAD__VEHICLES", "car-1,car-2")
    (problem,) = problems_of(None)
    assert problem.startswith("PLATFORM_PROBE_LOAD__VEHICLES: ")
    assert "written as JSON" in problem


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("broker", "http://x", "expected mqtt://, mqtts://, ws:// or wss://"),
        ("listen", "9464", "expected HOST:PORT, for example 127.0.0.1:9464"),
        ("listen", "localhost:99999", "expected HOST:PORT"),
        ("listen", "\ud800", "is not UTF-8 text"),
        ("protocol", "4", "unknown value '4'"),
        ("log_level", "loud", "unknown value 'loud'"),
        ("wait_s", -1, "greater than or equal to 0"),
        ("fleet_secret", "", "at least 1"),
        ("floor", {"vehicle_id": "a/b"}, "1 to 64 of A-Z a-z 0-9"),
        ("floor", {"vehicle_id": "car-1"}, "ids of null boxes begin with 'null-box-'"),
        ("load", {"vehicles": ["car 1"]}, "vehicle id 'car 1'"),
        (
            "load",
            {"stages": [{"kind": "burst", "count": 1, "duration_s": 1}]},
            "the cars to unlock",
        ),
        ("load", {"vehicles": ["a"], "vehicles_file": "b"}, "exclude each other"),
        ("load", {"repeat": True}, "repeat needs a stage with arrivals"),
        *(
            (
                "load",
                {"repeat": True, "vehicles": ["a"], "stages": [stage]},
                "repeat needs a stage with arrivals",
            )
            for stage in (
                {"kind": "constant", "rate_per_s": 0.1, "duration_s": 5},
                {"kind": "times", "at_s": [7, 9], "duration_s": 7},
                {"kind": "poisson", "rate_per_s": 1e-9, "duration_s": 60},
                {"kind": "ramp", "from_rate_per_s": 0, "to_rate_per_s": 0.1, "duration_s": 5},
            )
        ),
        ("load", {"every_s": 60}, "the cars to unlock"),
        ("load", {"every_s": 5, "vehicles": ["a"]}, "every_s of 5 is less than deadline_s, 20"),
        (
            "load",
            {
                "every_s": 60,
                "vehicles": ["a"],
                "stages": [{"kind": "burst", "count": 1, "duration_s": 1}],
            },
            "stages and every_s exclude each other",
        ),
        (
            "load",
            {"every_s": 60, "vehicles": ["a"], "late_window_s": 1},
            "relock needs a late_window_s",
        ),
        (
            "load",
            {
                "repeat": True,
                "vehicles": ["a"],
                "stages": [{"kind": "poisson", "rate_per_s": 0, "duration_s": 60}],
            },
            "repeat needs a stage with arrivals",
        ),
    ],
)
def test_wrong_values_say_what_is_expected(key: str, value: Any, expected: str) -> None:
    """Each check has a message of its own."""
    (problem,) = problems_of(None, **{key: value})
    assert expected in problem


@pytest.mark.parametrize(
    "stage",
    [
        {"kind": "poisson", "rate_per_s": 0.01, "duration_s": 60},
        {"kind": "constant", "rate_per_s": 0.6, "duration_s": 1},
        {"kind": "times", "at_s": [9, 0], "duration_s": 7},
    ],
)
def test_a_stage_with_few_arrivals_may_be_repeated(stage: dict[str, Any]) -> None:
    """Whatever of it brings something."""
    load = LoadSettings.model_validate({"repeat": True, "vehicles": ["a"], "stages": [stage]})
    plan = LoadPlan(
        stages=tuple(load.stages), vehicles=load.vehicles, seed=1, deadline_s=1, repeat=True
    )
    assert len(list(islice(plan, 3))) == 3


def test_version_of_mqtt_may_be_a_number(tmp_path: Path) -> None:
    """YAML reads 5 as a number: that is no mistake."""
    assert load_settings(written(tmp_path, "protocol: 5")).protocol == "5"


def test_secrets_are_hidden_for_display() -> None:
    """Neither the broker's password nor the fleet's secret is printed."""
    secrets = {"broker": "mqtt://user:hunter2@broker:1883", "fleet_secret": "hunter3"}
    settings = ProbeSettings.model_validate(secrets)
    shown = settings.model_dump_json()
    assert "hunter" not in shown
    assert "mqtt://user@broker:1883" in shown
    assert settings.brokers.first.password == "hunter2"  # noqa: S105 - made up here


def test_a_command_lives_as_long_as_its_customer_waits() -> None:
    """Unless somebody says otherwise."""
    assert LoadSettings(deadline_s=12).command_life_s == 12
    assert LoadSettings(deadline_s=12, command_ttl_s=30).command_life_s == 30


def test_vehicles_from_a_file(tmp_path: Path) -> None:
    """One id a line; empty lines and comments are no cars."""
    path = tmp_path / "cars.txt"
    path.write_text("# ours\ncar-1\n\n car-2 \n")
    assert LoadSettings(vehicles_file=path).vehicle_ids() == ["car-1", "car-2"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("car-1\ncar/2\n", ":2: vehicle id 'car/2'"),
        ("\n", "no vehicle ids"),
        (None, "cannot be read"),
    ],
)
def test_wrong_vehicles_file_is_named(tmp_path: Path, text: str | None, expected: str) -> None:
    """The line of a wrong id is named, and a file without any."""
    path = tmp_path / "cars.txt"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        LoadSettings(vehicles_file=path).vehicle_ids()
    assert str(path) in str(caught.value)
    assert expected in str(caught.value)


def test_schema_describes_every_key(tmp_path: Path) -> None:
    """Editors can explain each setting, and the schema accepts what the loader accepts."""
    schema = settings_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    for model in (schema, *schema["$defs"].values()):
        for name, prop in model.get("properties", {}).items():  # an enumeration has none
            is_arrival = model.get("title") in ("Constant", "Poisson", "Ramp", "Burst", "Times")
            assert is_arrival or "description" in prop, name
    del tmp_path
    jsonschema.validate({"seed": 1, "load": {"vehicles": ["a"]}}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"sed": 1}, schema)


@pytest.mark.parametrize(
    "line",
    [
        "broker: mqtt://user:hunter2@broker:x",
        "broker: http://user:hunter2@broker",
        "broker: user:hunter2@[broker",
        "broker: mqtt://user:hunt@er2@",
        "broker_password: [hunter2]",
        "broker_password: 4242",
        "fleet_secret: 4242",
        "fleet_secret: 42.42",
        "fleet_secret: {hunter2: 1}",
        "fleet_secret: hunter2: x",
        "fleet_secret: !hunter2 x",
        "fleet_secret: *hunter2",
    ],
)
def test_errors_show_no_secret(tmp_path: Path, line: str) -> None:
    """A mistake beside a password, or in one, does not put it on the screen and into logs."""
    path = tmp_path / "probe.yaml"
    path.write_text(line)
    with pytest.raises(ConfigError) as caught:
        load_settings(path)
    assert f"{path}:1: " in str(caught.value)
    for secret in ("hunt", "er2", "42"):
        assert secret not in str(caught.value).replace(str(path), "")


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


def test_secret_given_twice_is_refused(tmp_path: Path) -> None:
    """Nobody should have to guess which one holds."""
    path = tmp_path / "probe.yaml"
    path.write_text("fleet_secret: hunter2\nfleet_secret_file: /nowhere\n")
    with pytest.raises(ConfigError, match=r":2: fleet_secret_file: excludes fleet_secret"):
        load_settings(path)


def test_keys_of_cars_exclude_the_secret_of_all(tmp_path: Path) -> None:
    """Whoever hands out single keys does not hand out the master key beside them."""
    path = tmp_path / "probe.yaml"
    path.write_text("vehicle_keys: keys.txt\nfleet_secret: hunter2\n")
    with pytest.raises(ConfigError) as caught:
        load_settings(path)
    assert "vehicle_keys and fleet_secret exclude each other" in str(caught.value)
    assert "hunter2" not in str(caught.value)
    path.write_text("broker: mqtt://broker\nvehicle_keys: keys.txt\n")
    assert not load_settings(path).is_demo_elsewhere


@pytest.mark.parametrize(
    ("broker", "secret", "is_demo"),
    [
        ("mqtt://127.0.0.1:1883", DEMO_SECRET, False),
        ("mqtt://localhost", DEMO_SECRET, False),
        ("mqtt://[::1]", DEMO_SECRET, False),
        ("mqtt://broker", DEMO_SECRET, True),
        ("mqtt://broker", "other", False),
    ],
)
def test_demo_secret_elsewhere_is_noticed(broker: str, secret: str, *, is_demo: bool) -> None:
    """On the machine itself it is a demonstration; on a fleet it is no secret."""
    settings = ProbeSettings.model_validate({"broker": broker, "fleet_secret": secret})
    assert settings.is_demo_elsewhere is is_demo


def test_the_version_of_mqtt_is_the_profiles_unless_it_is_set() -> None:
    """`protocol` wins; YAML's number 5 is a version too."""
    ovms, native = load_profile("ovms"), load_profile("native")
    assert ProbeSettings().mqtt_version(ovms) == "3.1.1"
    assert ProbeSettings().mqtt_version(native) == "5"
    assert ProbeSettings.model_validate({"protocol": 5}).mqtt_version(ovms) == "5"


def test_cars_that_cannot_be_locked_are_not_opened(tmp_path: Path) -> None:
    """Relocking needs a word for it; the error says what to set."""
    profile = profile_of(TWO_TOPICS.replace(", CLOSE: lock", ""))
    settings = load_settings(written(tmp_path, FILE))
    with pytest.raises(ConfigError, match=r"load.relock: profile my has no word for lock"):
        settings.check_fits(profile)
    settings.check_fits(load_profile("saic"))
    ProbeSettings().check_fits(profile)


@pytest.mark.parametrize("listen", ["0.0.0.0:9464", "[::]:0", "10.0.0.7:9464", "probe.example:1"])
def test_posts_of_the_platforms_log_need_a_token_beyond_this_machine(
    listen: str, tmp_path: Path
) -> None:
    """Without one anybody could make up unlocks; the error names both ways out."""
    path = tmp_path / "probe.yaml"
    path.write_text(f"listen: '{listen}'\nplatform:\n  otlp: true\n")
    with pytest.raises(ConfigError, match=r"platform\.otlp_token_file, or listen on 127\.0\.0\.1"):
        load_settings(path)
    path.write_text(f"{path.read_text()}  otlp_token_file: /run/secrets/otlp\n")
    assert load_settings(path).listen == listen


@pytest.mark.parametrize("listen", ["127.0.0.1:9464", "localhost:0", "[::1]:9464"])
def test_on_this_machine_posts_need_no_token(listen: str) -> None:
    """The default configuration serves this machine alone."""
    platform = PlatformSettings(otlp=True)
    assert ProbeSettings(listen=listen, platform=platform).platform == platform
