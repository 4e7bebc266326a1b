"""The command `fleet-sim`."""

from __future__ import annotations

import logging
import secrets
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn, ParamSpec

import click
import msgspec
import uvloop
from rich.console import Console
from rich.table import Table

from fleet_sim.commands.errors import EXPECTATION_FAILED, INTERRUPTED, plain_errors
from fleet_sim.commands.sweep import sweep
from fleet_sim.faults import FAULTS
from fleet_sim.runs.conclude import first_difference
from fleet_sim.runs.directory import RunDirectory, ScenarioSource
from fleet_sim.runs.live.boxes import parse_shard, serve_boxes
from fleet_sim.runs.live.fleet import FleetOptions
from fleet_sim.runs.live.run import LiveOptions, LiveRun, TlsFiles
from fleet_sim.runs.manifest import lacks_of, load_run
from fleet_sim.runs.progress import print_summary, progress_on
from fleet_sim.runs.virtual.rehearsal import Rehearsal, RehearsalOptions
from fleet_sim.scenario.loading import Scenario, load_scenario, scenario_schema
from fleet_wire.contract.signing import DEMO_SECRET
from fleet_wire.errors import ConfigError
from fleet_wire.links.factory import tls_context
from fleet_wire.links.link import BrokerAddress

SEED_BITS = 32

P = ParamSpec("P")


scenario_argument = click.argument(
    "scenario", type=click.Path(path_type=Path, dir_okay=False), metavar="SCENARIO"
)
set_option = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Override any key of the scenario, for example --set load.stages.0.rate_per_s=20,"
    " --set fleet.groups.city.count=50, or --set fleet.count=500. May be given several times.",
)
seed_option = click.option(
    "--seed",
    type=click.IntRange(0, 2**63 - 1),
    help="Of all that is random. Default: the scenario's, else a new one, which is printed.",
)
secret_option = click.option(
    "--fleet-secret",
    default=DEMO_SECRET,
    show_default=True,
    help="The secret from which each car's signing key is derived; the probe needs the same.",
)


def tls_options(command: Callable[P, None]) -> Callable[P, None]:
    """Add the certificate options."""
    file = click.Path(path_type=Path, exists=True, dir_okay=False)
    for name, text in (
        ("--key-file", "Key of our own certificate, PEM, without a password."),
        ("--cert-file", "Our own certificate, PEM, where the broker asks for one."),
        ("--ca-file", "Authority that signed the broker's certificate, PEM."),
    ):
        command = click.option(name, type=file, help=text)(command)
    return command


@click.group(context_settings={"auto_envvar_prefix": "FLEET_SIM", "max_content_width": 100})
@click.version_option(package_name="unlockpath")
def main() -> None:
    """Simulate a fleet of keyless cars over a real MQTT broker.

    \b
    fleet-sim run scenarios/quiet_city.yaml          broker, boxes and probe together
    fleet-sim boxes SCENARIO --broker mqtt://host    only the boxes
    fleet-sim sweep SCENARIO --seeds 100             many runs in virtual time, one table
    fleet-sim check SCENARIO                         is this scenario right?

    Every option can also be set by an environment variable: FLEET_SIM_RUN_SEED=7.
    """  # noqa: D301 - click's own escape


@main.command()
@scenario_argument
@click.option(
    "--mode",
    type=click.Choice(["live", "virtual"]),
    default="live",
    show_default=True,
    help="live: a real broker, as fast as the clock. virtual: a broker in this process, as fast as"
    " it goes, and the same bytes for the same seed.",
)
@click.option(
    "--check-digest",
    "expected_manifest",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="MANIFEST",
    help="Fail, with the first line that differs, unless the run gives the same attempts as the one"
    " with this manifest.",
)
@click.option(
    "--broker",
    "broker_url",
    metavar="URL",
    help="Use this broker: mqtt:// or mqtts://, with USER:PASSWORD@ if needed."
    " Default: a private mosquitto on a free port; iotcore where mosquitto is not installed.",
)
@click.option(
    "--private-broker",
    "broker_kind",
    type=click.Choice(["auto", "mosquitto", "iotcore"]),
    default="auto",
    show_default=True,
    help="Which private broker to start when there is no --broker.",
)
@seed_option
@set_option
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where to write the run. Default: runs/<scenario>-<seed>-<time>.",
)
@click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    help="Seconds to wait for a broker that is away.",
)
@click.option("--listen", metavar="HOST:PORT", help="The probe's /metrics. Default: port 9464.")
@secret_option
@tls_options
@plain_errors
def run(  # noqa: PLR0913 - one parameter for each option
    *,
    scenario: Path,
    mode: str,
    expected_manifest: Path | None,
    broker_url: str | None,
    broker_kind: Any,
    seed: int | None,
    overrides: tuple[str, ...],
    out: Path | None,
    wait_s: float,
    listen: str | None,
    fleet_secret: str,
    ca_file: Path | None,
    cert_file: Path | None,
    key_file: Path | None,
) -> None:
    """Run SCENARIO: start a broker, the boxes and the probe, and write a report.

    SCENARIO is a YAML file, or the manifest.json of an earlier run, which is then done again.

    Exits 0 when every `expect` of the scenario holds, 1 when one does not, 2 on an error.
    SIGTERM or Ctrl-C lets the unlocks under way finish and writes the summary; Ctrl-C twice ends
    at once.

    \b
    fleet-sim run scenarios/quiet_city.yaml
    fleet-sim run scenarios/morning_rush.yaml --seed 7 --set fleet.count=5000
    fleet-sim run scenarios/quiet_city.yaml --broker mqtt://localhost:1883
    fleet-sim run scenarios/underground_garage.yaml --mode virtual --seed 7
    fleet-sim run runs/RUN/manifest.json --mode virtual --check-digest runs/RUN/manifest.json
    """  # noqa: D301 - click's own escape
    if mode == "virtual" and broker_url is not None:
        raise ConfigError(["--broker: in virtual time the broker is in this process"])
    lacks = lacks_of(mode=mode, broker_url=broker_url, broker_kind=broker_kind)
    loaded = load_run(scenario, overrides, lacks=lacks)
    seed = _seed(loaded.seed if seed is None else seed, loaded.scenario)
    click.echo(f"seed {seed}")
    source = ScenarioSource(scenario, overrides)
    directory = RunDirectory.create(out, scenario_name=source.name, seed=seed)
    logging.basicConfig(filename=directory.path / "fleet.log", level=logging.WARNING)
    console = Console()
    if mode == "virtual":
        rehearsal_options = RehearsalOptions(
            seed=seed,
            fleet_secret=fleet_secret,
            hop_s=loaded.hop_s,
            load_began_s=loaded.load_began_s,
        )
        summary = _rehearse(loaded.scenario, source, directory, rehearsal_options, console)
        ended_early = False
    else:
        options = LiveOptions(
            seed=seed,
            broker_url=broker_url,
            broker_kind=broker_kind,
            fleet_secret=fleet_secret,
            tls=TlsFiles(ca_file=ca_file, cert_file=cert_file, key_file=key_file),
            wait_s=wait_s,
            listen=listen,
        )
        live = _live(loaded.scenario, source, directory, options, console)
        summary, ended_early = uvloop.run(live)
    print_summary(summary, console)
    console.print(f"\nreport: {directory.path / 'report.html'}", soft_wrap=True)
    _exit_unless_fine(summary, directory, expected_manifest, ended_early=ended_early)


def _rehearse(
    scenario: Scenario,
    source: ScenarioSource,
    directory: RunDirectory,
    options: RehearsalOptions,
    console: Console,
) -> dict[str, Any]:
    try:
        return Rehearsal(scenario, source, directory, options, progress_on(console)).run()
    except KeyboardInterrupt:
        _end_at_once(directory)


def _end_at_once(directory: RunDirectory) -> NoReturn:
    click.echo(f"ended at once; what was gathered is in {directory.path}", err=True)
    sys.exit(INTERRUPTED)


def _exit_unless_fine(
    summary: Mapping[str, Any],
    directory: RunDirectory,
    expected_manifest: Path | None,
    *,
    ended_early: bool,
) -> None:
    if expected_manifest is not None:
        difference = first_difference(directory.path, expected_manifest)
        if difference is not None:
            click.echo(f"fleet-sim: another run: {difference}", err=True)
            sys.exit(EXPECTATION_FAILED)
    if not ended_early and not all(verdict["holds"] for verdict in summary["expect"]):
        sys.exit(EXPECTATION_FAILED)


async def _live(
    scenario: Scenario,
    source: ScenarioSource,
    directory: RunDirectory,
    options: LiveOptions,
    console: Console,
) -> tuple[dict[str, Any], bool]:
    live_run = LiveRun(scenario, source, directory, options, progress_on(console))
    summary, ended_early = await live_run.run()
    if live_run.was_cut_short:
        _end_at_once(directory)
    return summary, ended_early


@main.command()
@scenario_argument
@click.option("--broker", required=True, metavar="URL", help="The broker, mqtt:// or mqtts://.")
@click.option(
    "--shard",
    default="1/1",
    show_default=True,
    metavar="K/N",
    help="Take every N-th car, from the K-th: for several processes, or several brokers.",
)
@seed_option
@set_option
@click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    help="Seconds to wait for a broker that is away.",
)
@secret_option
@tls_options
@plain_errors
def boxes(  # noqa: PLR0913 - one parameter for each option
    *,
    scenario: Path,
    broker: str,
    shard: str,
    seed: int | None,
    overrides: tuple[str, ...],
    wait_s: float,
    fleet_secret: str,
    ca_file: Path | None,
    cert_file: Path | None,
    key_file: Path | None,
) -> None:
    """Run only the boxes of SCENARIO, until SIGTERM or Ctrl-C.

    \b
    fleet-sim boxes scenarios/quiet_city.yaml --broker mqtt://localhost:1883
    fleet-sim boxes big.yaml --broker mqtt://b2:1883 --shard 2/4
    """  # noqa: D301 - click's own escape
    logging.basicConfig(level=logging.WARNING)
    address = BrokerAddress.parse(broker)
    part = parse_shard(shard)
    loaded = load_scenario(scenario, list(overrides), lacks=lacks_of(broker_url=broker))
    seed = _seed(seed, loaded)
    click.echo(f"seed {seed}")
    options = FleetOptions(
        broker=address,
        seed=seed,
        fleet_secret=fleet_secret,
        tls=(
            tls_context(ca_file=ca_file, cert_file=cert_file, key_file=key_file)
            if address.is_tls
            else None
        ),
        wait_s=wait_s,
        with_null_box=part[0] == 1,
        name=f"sms-centre-{part[0]}-of-{part[1]}",
    )
    uvloop.run(_serve(loaded, options, part))


async def _serve(scenario: Scenario, options: FleetOptions, shard: tuple[int, int]) -> None:
    await serve_boxes(scenario, options, progress_on(Console()), shard=shard)


@main.command()
@scenario_argument
@set_option
@plain_errors
def check(*, scenario: Path, overrides: tuple[str, ...]) -> None:
    """Check SCENARIO without running it; every error names file, line and key."""
    loaded = load_scenario(scenario, list(overrides))
    click.echo(
        f"{scenario}: {loaded.fleet.count} cars in {len(loaded.fleet.groups)} groups,"
        f" {loaded.load.duration_s:g} s of load, {len(loaded.faults)} faults,"
        f" {len(loaded.expect)} expectations: fine"
    )


@main.command()
def schema() -> None:
    """Print the JSON Schema of a scenario, for editors and other programs."""
    click.echo(msgspec.json.format(msgspec.json.encode(scenario_schema()), indent=2).decode())


@main.command()
def faults() -> None:
    """List the faults that a scenario may inject, with their parameters and defaults."""
    console = Console()
    for name, fault in sorted(FAULTS.items()):
        console.print(f"[bold]{name}[/bold]  {fault.summary}")
        table = Table(box=None, show_header=False, padding=(0, 2))
        for key, field in fault.model_fields.items():
            default = field.get_default(call_default_factory=True)
            table.add_row("", key, str(default), field.description or "")
        console.print(table)


main.add_command(sweep)


def _seed(chosen: int | None, scenario: Scenario) -> int:
    if chosen is not None:
        return chosen
    return scenario.seed if scenario.seed is not None else secrets.randbits(SEED_BITS)


if __name__ == "__main__":
    main()
