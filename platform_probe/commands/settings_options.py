"""The options of commands that take the settings of a probe: `run` and `config`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

from fleet_wire.config.file import Loc
from platform_probe.settings.monitor import ProbeSettings, load_settings

_REPEATED_STAGE_S: Final = 60.0
"""A stage of `--rate` lasts for so long, or for so many unlocks."""

_OPTIONS: Final[tuple[tuple[str, Loc, str | None, str], ...]] = (
    ("config", (), "FILE", "YAML file with settings."),
    ("broker", ("broker",), "URL", "For example mqtts://user@broker:8883."),
    ("broker_password_file", ("broker_password_file",), "FILE", "Holds the broker's password."),
    ("fleet_secret_file", ("fleet_secret_file",), "FILE", "Holds the fleet's secret."),
    ("vehicle_keys", ("vehicle_keys",), "PATH",
     "Keys of the cars, in place of the secret that opens all of them."),
    ("profile", ("profile",), "PROFILE",
     "The fleet's wire: native, ovms, saic, aws-iot, aws-shadow or a file.  [default: native]"),
    ("protocol", ("protocol",), "VERSION", "MQTT 5 or 3.1.1.  [default: the profile's]"),
    ("client_id", ("client_id",), "ID", "MQTT client id of the probe."),
    ("listen", ("listen",), "HOST:PORT", "For /metrics; port 0: any free one."),
    ("out", ("out_dir",), "DIR", "Where attempts.jsonl goes."),
    ("store", ("store", "directory"), "DIR", "Keep what happens there, to be queried."),
    ("console", ("console", "listen"), "HOST:PORT",
     "Serve pages for support and on-call there."),
    ("log_file", ("log_file",), "FILE", "The log.  [default: stderr]"),
    ("log_level", ("log_level",), "LEVEL", "debug, info, warning or error."),
    ("otlp", ("otlp", "endpoint"), "URL",
     "Send traces, logs and metrics to this OTLP/HTTP backend."),
    ("otlp_headers_file", ("otlp", "headers_file"), "FILE",
     "Holds headers for it, one 'Name: value' a line."),
    ("seed", ("seed",), "N", "Decides when which car is unlocked."),
    ("vehicles", ("load", "vehicles_file"), "FILE", "Ids of the cars to unlock, one a line."),
    ("rate", (), "N", "Unlocks a second, at random times, for ever. Needs cars to unlock."),
    ("every", ("load", "every_s"), "SECONDS",
     "Unlock each car once in so long, in turn, for ever, instead of --rate."),
    ("deadline", ("load", "deadline_s"), "SECONDS", "The customer's patience."),
    ("door", ("load", "door_file"), "FILE",
     "Says how to ask the platform's API, in place of MQTT."),
    ("watch", ("watch",), None, "Follow the commands of others."),
    ("watch_group", ("watch_group",), "NAME",
     "Share these with other monitors, so that each customer counts once."),
    ("broker_log", ("broker_log",), None, "Follow the broker's own log."),
    ("platform_log", ("platform", "log_file"), "FILE",
     "Join what the platform logs of each unlock."),
    ("exit_when_done", ("exit_when_done",), None, "End when the load is over."),
    ("wait", ("wait_s",), "SECONDS",
     "For the broker at start, then exit 2.  [default: for ever]"),
)  # fmt: skip
"""The name of each option, the place of its setting if it has one, what stands for its value, and
its help. One without a value is a switch."""
PLACES: Final = {name: place for name, place, *_ in _OPTIONS if place}
_TYPES: Final = {"config": click.Path(path_type=Path), "rate": click.FLOAT}


def settings_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add an option for each setting that has one."""
    for name, _, metavar, told in reversed(_OPTIONS):
        flag = name.replace("_", "-")
        names = f"--{flag}" if metavar else f"--{flag}/--no-{flag}"
        option = click.option(
            names, metavar=metavar, type=_TYPES.get(name), default=None, help=told
        )
        command = option(command)
    return command


def settings_of(options: dict[str, Any]) -> ProbeSettings:
    """Return the settings that a command was given. Raises `ConfigError`."""
    path: Path | None = options.pop("config")
    return load_settings(path, _flags(options))


def _flags(options: dict[str, Any]) -> dict[Loc, tuple[Any, str]]:
    """Return where each given flag puts its value, and how the user wrote it."""
    flags: dict[Loc, tuple[Any, str]] = {}
    for name, value in options.items():
        if value is None:
            continue
        flag = f"--{name.replace('_', '-')}"
        if name == "rate":
            duration_s = _REPEATED_STAGE_S / min(value, 1.0) if value > 0 else _REPEATED_STAGE_S
            stage = {"kind": "poisson", "rate_per_s": value, "duration_s": duration_s}
            flags["load", "stages"] = ([stage], flag)
            flags["load", "repeat"] = (True, flag)
            flags.setdefault(("load", "every_s"), (None, flag))
            continue
        if name == "every":
            flags.setdefault(("load", "stages"), ([], flag))
            flags.setdefault(("load", "repeat"), (False, flag))
        if name == "vehicles":
            flags["load", "vehicles"] = ([], flag)
        flags[PLACES[name]] = (value, flag)
    return flags
