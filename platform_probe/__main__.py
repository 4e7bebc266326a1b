"""The command `platform-probe`."""

from __future__ import annotations

try:
    import asyncio
    from collections.abc import Callable
    from dataclasses import replace
    from pathlib import Path
    from typing import Any, Final

    import click
    import msgspec
    import uvloop

    from fleet_wire.command_line import Program
    from fleet_wire.config.file import Loc
    from fleet_wire.config.secrets import read_secret
    from fleet_wire.links.factory import tls_for
    from fleet_wire.links.link import BrokerAddress
    from platform_probe.learning import LearnOptions, listen, write_draft
    from platform_probe.service import serve
    from platform_probe.settings import ENV_PREFIX, ProbeSettings, load_settings, settings_schema
except KeyboardInterrupt:  # afterwards Program sees to it
    raise SystemExit(130) from None

_REPEATED_STAGE_S: Final = 60.0
"""A stage of `--rate` lasts for so long, or for so many unlocks."""

_MODULES: Final = {
    "cohorts": "platform_probe.commands.cohorts",
    "console": "platform_probe.commands.console",
    "diagnose": "platform_probe.commands.diagnose",
    "export": "platform_probe.commands.export",
    "incidents": "platform_probe.commands.incidents",
    "messages": "platform_probe.commands.messages",
    "query": "platform_probe.commands.query",
}
"""Commands that ask a store or a monitor, imported when they are asked for."""

_PLACES: Final[dict[str, Loc]] = {
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
        help="The fleet's wire: native, ovms, saic, aws-iot or a file.  [default: native]",
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
"""What `run` and `config` share."""


def _settings_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that `run` and `config` share."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.group("platform-probe", cls=Program, variables=ENV_PREFIX, modules=_MODULES)
@click.version_option(package_name="unlockpath")
def main() -> None:
    """Watch keyless cars open, over MQTT: send unlocks, time each stage, say why one failed.

    \b
    Each setting can be given in three ways; the first one found wins:
      a flag                  --listen 0.0.0.0:9464
      an environment variable PLATFORM_PROBE_LISTEN=0.0.0.0:9464
      the file of --config    listen: 0.0.0.0:9464

    Others on this machine see every command line: give secrets in files.
    """  # noqa: D301 - click's own escape


@main.command()
@_settings_options
def run(**options: Any) -> None:
    """Run the probe until it is told to stop, or until its load is over.

    \b
    Only watch what the platform sends, and serve metrics:
      platform-probe run --broker mqtt://broker:1883
    Unlock each car in cars.txt once an hour, and lock it again:
      platform-probe run --broker mqtt://broker:1883 --vehicles cars.txt --every 3600
    Everything from a file, but another port:
      platform-probe run --config probe.yaml --listen 127.0.0.1:9500

    On stdout it reports one JSON object a line: `ready`, then `progress` each second, then `done`.
    The log goes to stderr; each unlock is one line of attempts.jsonl in the output directory.
    SIGTERM or Ctrl-C: start nothing more, wait until what is in flight has ended, for the deadline
    at most (and as long again for cars that are to be locked), then stop. Ctrl-C twice: stop at
    once.

    Exit codes: 0 after an orderly end, 2 for wrong settings, a broker that refuses us or is away
    for longer than `--wait`, or a limit of the machine.
    """  # noqa: D301 - click's own escape
    settings = _settings_of(options)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(settings))


@main.command()
@click.option(
    "--broker", required=True, metavar="URL", help="For example mqtts://user@broker:8883."
)
@click.option(
    "--broker-password-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Holds the broker's password.",
)
@click.option(
    "--ca-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Authority that signed the broker's certificate, PEM.",
)
@click.option(
    "--protocol",
    type=click.Choice(["5", "3.1.1"]),
    default="5",
    show_default=True,
    help="Version of MQTT.",
)
@click.option(
    "--seconds",
    "duration_s",
    type=click.FloatRange(0.1, 86_400),
    default=60.0,
    show_default=True,
    help="How long to listen.",
)
@click.option(
    "--topic",
    "filters",
    multiple=True,
    metavar="FILTER",
    default=("#",),
    show_default=True,
    help="What to listen to; several times for several. # leaves out topics that begin with $.",
)
@click.option(
    "--vehicle",
    "vehicles",
    multiple=True,
    metavar="ID",
    help="A car's id, where it does not look like one.",
)
@click.option(
    "--sample",
    "sample_file",
    type=click.Path(path_type=Path),
    metavar="FILE.jsonl",
    help="Write what was heard there, for fleet-sim profile check --sample.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the draft there.  [default: stdout]",
)
def learn(  # noqa: PLR0913 - one parameter for each option
    *,
    broker: str,
    broker_password_file: Path | None,
    ca_file: Path | None,
    protocol: Any,
    duration_s: float,
    filters: tuple[str, ...],
    vehicles: tuple[str, ...],
    sample_file: Path | None,
    out: Path | None,
) -> None:
    """Listen to a fleet that speaks its own language, and write a first draft of its profile.

    \b
    platform-probe learn --broker mqtt://broker:1883 --sample heard.jsonl --out my-fleet.yaml
    fleet-sim profile check my-fleet.yaml --sample heard.jsonl

    Have a car unlocked meanwhile. Ctrl-C or SIGTERM ends it early: the draft is of what was heard
    until then. It is guessed from the words in topics and fields, and is to be checked by somebody
    who knows the fleet. Nothing is sent.
    """  # noqa: D301 - click's own escape
    address = BrokerAddress.parse(broker)
    if broker_password_file is not None:
        password = read_secret(broker_password_file, name="--broker-password-file")
        address = replace(address, password=password)
    options = LearnOptions(
        broker=address,
        duration_s=duration_s,
        filters=filters,
        protocol=protocol,
        vehicles=vehicles,
        tls=tls_for(address, ca_file=ca_file),
    )
    click.echo(f"listening to {address} for {duration_s:g} s", err=True)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        samples, seconds, why_early = runner.run(listen(options))
    if why_early is not None:
        click.echo(f"ended after {seconds:.1f} s of {duration_s:g} s: {why_early}", err=True)
    draft = write_draft(samples, options, seconds=seconds, sample_file=sample_file)
    if out is None:
        click.echo(draft, nl=False)
    else:
        out.write_text(draft, "utf-8")
        click.echo(f"{out}: from {len(samples)} messages", err=True)


@main.command()
@_settings_options
def config(**options: Any) -> None:
    """Print the settings that `run` would use with the same options, secrets hidden."""
    _print_json(_settings_of(options).model_dump(mode="json"))


@main.command()
def schema() -> None:
    """Print the JSON Schema of the settings file, for editors.

    \b
    For example, with the YAML extension of VS Code:
      platform-probe schema > probe.schema.json
      and as first line of probe.yaml: # yaml-language-server: $schema=probe.schema.json
    """  # noqa: D301 - click's own escape
    _print_json(settings_schema())


def _settings_of(options: dict[str, Any]) -> ProbeSettings:
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
        flags[_PLACES[name]] = (value, flag)
    return flags


def _print_json(value: Any) -> None:
    click.echo(msgspec.json.format(msgspec.json.encode(value)).decode())


if __name__ == "__main__":
    main()
