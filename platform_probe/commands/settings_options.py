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

PLACES: Final[dict[str, Loc]] = {
    "broker": ("broker",),
    "broker_password_file": ("broker_password_file",),
    "fleet_secret_file": ("fleet_secret_file",),
    "vehicle_keys": ("vehicle_keys",),
    "profile": ("profile",),
    "protocol": ("protocol",),
    "client_id": ("client_id",),
    "listen": ("listen",),
    "out": ("out_dir",),
    "log_file": ("log_file",),
    "log_level": ("log_level",),
    "otlp": ("otlp", "endpoint"),
    "otlp_headers_file": ("otlp", "headers_file"),
    "seed": ("seed",),
    "watch": ("watch",),
    "exit_when_done": ("exit_when_done",),
    "wait": ("wait_s",),
    "deadline": ("load", "deadline_s"),
    "every": ("load", "every_s"),
    "vehicles": ("load", "vehicles_file"),
    "door": ("load", "door_file"),
    "watch_group": ("watch_group",),
    "broker_log": ("broker_log",),
    "platform_log": ("platform", "log_file"),
    "store": ("store", "directory"),
    "console": ("console", "listen"),
}

_PATH: Final = click.Path(path_type=Path)
_OPTIONS: Final = [
    click.option("--config", type=_PATH, metavar="FILE", help="YAML file with settings."),
    click.option("--broker", metavar="URL", help="For example mqtts://user@broker:8883."),
    click.option("--broker-password-file", metavar="FILE", help="Holds the broker's password."),
    click.option("--fleet-secret-file", metavar="FILE", help="Holds the fleet's secret."),
    click.option(
        "--vehicle-keys", metavar="PATH",
        help="Keys of the cars, in place of the secret that opens all of them.",
    ),
    click.option(
        "--profile", metavar="PROFILE",
        help="The fleet's wire: native, ovms, saic, aws-iot, aws-shadow or a file."
        "  [default: native]",
    ),
    click.option(
        "--protocol", metavar="VERSION", help="MQTT 5 or 3.1.1.  [default: the profile's]"
    ),
    click.option("--client-id", metavar="ID", help="MQTT client id of the probe."),
    click.option("--listen", metavar="HOST:PORT", help="For /metrics; port 0: any free one."),
    click.option("--out", type=_PATH, metavar="DIR", help="Where attempts.jsonl goes."),
    click.option(
        "--store", type=_PATH, metavar="DIR", help="Keep what happens there, to be queried."
    ),
    click.option(
        "--console", metavar="HOST:PORT", help="Serve pages for support and on-call there."
    ),
    click.option("--log-file", type=_PATH, metavar="FILE", help="The log.  [default: stderr]"),
    click.option("--log-level", metavar="LEVEL", help="debug, info, warning or error."),
    click.option(
        "--otlp", metavar="URL",
        help="Send traces, logs and metrics to this OTLP/HTTP backend.",
    ),
    click.option(
        "--otlp-headers-file", metavar="FILE",
        help="Holds headers for it, one 'Name: value' a line.",
    ),
    click.option("--seed", metavar="N", help="Decides when which car is unlocked."),
    click.option("--vehicles", metavar="FILE", help="Ids of the cars to unlock, one a line."),
    click.option(
        "--rate", type=float, metavar="N",
        help="Unlocks a second, at random times, for ever. Needs cars to unlock.",
    ),
    click.option(
        "--every", metavar="SECONDS",
        help="Unlock each car once in so long, in turn, for ever, instead of --rate.",
    ),
    click.option("--deadline", metavar="SECONDS", help="The customer's patience."),
    click.option(
        "--door", metavar="FILE", help="Says how to ask the platform's API, in place of MQTT."
    ),
    click.option("--watch/--no-watch", default=None, help="Follow the commands of others."),
    click.option(
        "--watch-group", metavar="NAME",
        help="Share these with other monitors, so that each customer counts once.",
    ),
    click.option(
        "--broker-log/--no-broker-log", default=None, help="Follow the broker's own log."
    ),
    click.option(
        "--platform-log", metavar="FILE", help="Join what the platform logs of each unlock."
    ),
    click.option(
        "--exit-when-done/--no-exit-when-done", default=None,
        help="End when the load is over.",
    ),
    click.option(
        "--wait", metavar="SECONDS",
        help="For the broker at start, then exit 2.  [default: for ever]",
    ),
]  # fmt: skip


def settings_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add an option for each setting that has one."""
    for option in reversed(_OPTIONS):
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
