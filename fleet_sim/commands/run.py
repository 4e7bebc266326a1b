"""The command `fleet-sim run`."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from fleet_sim.cars.defects import ModelDefectError
from fleet_sim.commands.options import (
    LiveCommandOptions,
    check_platform_url,
    checked_listen,
    choose_seed,
    control_option,
    credential_options,
    identities_of,
    live_options,
    platform_url_option,
    processes_option,
    warn_of_demo_secret,
)
from fleet_sim.commands.verdicts import exit_if_interrupted, exit_unless_fine, interruptible
from fleet_sim.results import readable
from fleet_sim.runs.closing_tables import print_summary
from fleet_sim.runs.conclude import first_difference
from fleet_sim.runs.directory import LOG, RunDirectory, ScenarioSource
from fleet_sim.runs.live.credentials import CredentialOptions
from fleet_sim.runs.live.run import LiveOptions, LiveRun, RunsOn
from fleet_sim.runs.live.spread import spread
from fleet_sim.runs.live.stop import run_loop
from fleet_sim.runs.live.workers import LostProcessError
from fleet_sim.runs.manifest import LoadedRun, check_digest_can_be_met, lacks_of, load_run
from fleet_sim.runs.progress import Progress, progress_on
from fleet_sim.scenario.form import Scenario
from fleet_sim.scenario.loading import Lacks
from fleet_wire.addresses import parse_listen
from fleet_wire.command_line import EXPECTATION_FAILED
from fleet_wire.errors import ConfigError
from fleet_wire.links.brokers import Brokers
from fleet_wire.private_files import open_to_append
from fleet_wire.web.listening import check_can_listen


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions(LiveCommandOptions):
    """The options of `fleet-sim run`."""

    mode: str
    expected_manifest: Path | None
    broker_url: str | None
    box_credentials: CredentialOptions
    broker_kind: Any
    platform_url: str | None
    processes: int | None
    out: Path | None
    control: Path | None
    journal: bool
    listen: str | None


@click.command()
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
    help="Fail, and say what differs first, unless the run gives the same attempts as the one with"
    " this manifest. In virtual time only: live runs have no digest to meet.",
)
@click.option(
    "--broker",
    "broker_url",
    metavar="URL[,URL...]",
    help="Use this broker: mqtt:// or mqtts://, with USER@ if needed; or several, among which the"
    " cars are spread by their ids."
    " Default: private mosquittos on free ports, one where that carries the fleet; iotcore where"
    " mosquitto is not installed.",
)
@credential_options
@click.option(
    "--private-broker",
    "broker_kind",
    type=click.Choice(["auto", "mosquitto", "iotcore"]),
    default="auto",
    show_default=True,
    help="Which private broker to start when there is no --broker.",
)
@platform_url_option(
    "Customers ask the platform at this http:// or https:// URL, with tokens of the fleet's"
    " secret. Default: the emulated platform, on a free port. Live, and with --broker only."
)
@processes_option
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where to write the run. Default: runs/<scenario>-<seed>-<time>.",
)
@control_option
@click.option(
    "--journal",
    is_flag=True,
    help="Also in virtual time, write the monitor's journal, which `platform-probe judge --replay`"
    " judges anew. A live run always writes it.",
)
@click.option(
    "--listen",
    metavar="HOST:PORT",
    callback=checked_listen,
    help="The probe's /metrics. Default: port 9464.",
)
@live_options(RunOptions)
def run(options: RunOptions) -> None:
    """Run SCENARIO: start a broker, the boxes and the probe, and write a report.

    SCENARIO is a YAML file, or the manifest.json of an earlier run, which is then repeated.

    Exits 0 when every `expect` of the scenario holds, 1 when one does not, 2 on an error and on a
    defect of the model. SIGTERM or Ctrl-C lets the unlocks of a live run that are under way finish
    and writes the summary; Ctrl-C twice ends at once, and once in virtual time. A run that was
    interrupted never exits 0: 130 where no expectation fails.

    \b
    fleet-sim run scenarios/quiet_city.yaml
    fleet-sim run scenarios/morning_rush.yaml --seed 7 --set fleet.count=5000
    fleet-sim run scenarios/quiet_city.yaml --broker mqtt://localhost:1883
    fleet-sim run scenarios/quiet_city.yaml --control /tmp/run.sock   # for fleet-sim inject
    fleet-sim run scenarios/underground_garage.yaml --mode virtual --seed 7
    fleet-sim run runs/RUN/manifest.json --mode virtual --check-digest runs/RUN/manifest.json
    """  # noqa: D301 - click's own escape
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # until a loop takes both
    if options.expected_manifest is not None:
        check_digest_can_be_met(options.expected_manifest, mode=options.mode)
    if options.control is not None and options.mode == "virtual":
        raise ConfigError(["--control: in virtual time nobody could inject; put it into faults"])
    lacks = _lacks_of(options)
    _check_brokers(options)
    loaded = load_run(options.scenario, options.scenario_overrides(), lacks=lacks)
    if loaded.course is not None and options.mode != "virtual":
        raise ConfigError([f"{options.scenario}: a future of an incident; add --mode virtual"])
    seed = choose_seed(loaded.seed if options.seed is None else options.seed, loaded.scenario)
    source = ScenarioSource(options.scenario, options.overrides)
    if options.listen is not None and options.mode == "live":
        check_can_listen(*parse_listen(options.listen))
    directory = RunDirectory.create(options.out, scenario_name=source.name, seed=seed)
    os.close(open_to_append(directory.path / LOG))  # made here: readable for us alone
    logging.basicConfig(filename=directory.path / LOG, level=logging.WARNING)
    console = Console()
    if options.mode == "virtual":
        summary = _run_virtually(loaded, source, directory, console, options, seed=seed)
    else:
        with directory.none_if_refused():
            live = _live_options(options, loaded.scenario, seed=seed, lacks=lacks)
            kind = options.broker_kind
            around = spread(
                loaded.scenario, live, directory, processes=options.processes, broker_kind=kind
            )
            summary = _run_live(loaded, source, directory, live, around, console)
    _show(summary, directory, console)
    _exit_unless_fine(summary, directory, options.expected_manifest)


def _live_options(
    options: RunOptions, scenario: Scenario, *, seed: int, lacks: Lacks
) -> LiveOptions:
    return LiveOptions(
        seed=seed,
        broker_url=options.broker_url,
        broker_password=options.broker_password,
        identity_of=identities_of(scenario, options.box_credentials, ca_file=options.tls.ca_file),
        platform_url=options.platform_url,
        fleet_secret=options.fleet_secret,
        tls=options.tls,
        wait_s=options.wait_s,
        listen=options.listen,
        control=options.control,
        lacks=lacks,
    )


def _lacks_of(options: RunOptions) -> Lacks:
    """Return what faults cannot have where broker and platform are.

    Raises `ConfigError` where they cannot be there.
    """
    mode, broker_url, platform_url = options.mode, options.broker_url, options.platform_url
    if mode == "virtual" and broker_url is not None:
        raise ConfigError(["--broker: in virtual time the broker is in this process"])
    if mode == "virtual" and options.processes is not None:
        raise ConfigError(["--processes: in virtual time all is in this process"])
    if platform_url is not None:
        _check_platform(platform_url, broker_url)
    elsewhere = None if platform_url is None else "the one of --platform is not ours"
    kind = options.broker_kind
    return lacks_of(mode=mode, broker_url=broker_url, broker_kind=kind, no_platform=elsewhere)


def _check_brokers(options: RunOptions) -> None:
    """Raise `ConfigError` where boxes could not connect as they are told to."""
    if options.broker_url is None:
        if options.broker_password is not None or options.box_credentials.is_configured:
            raise ConfigError(["--broker-password-file, --box-...: need --broker"])
        return
    brokers = Brokers.parse(options.broker_url)
    options.box_credentials.check(is_tls=brokers.is_tls)
    warn_of_demo_secret(options.fleet_secret, brokers, partial(click.echo, err=True))


def _warn_of_settings_of_the_monitor() -> None:
    """Warn of settings that have no effect here: the monitor of a live run reads them."""
    names = sorted(name for name in os.environ if name.startswith("PLATFORM_PROBE_"))
    if names:
        why = "passed over: in virtual time the monitor has the settings of the scenario alone"
        click.echo(f"fleet-sim: {', '.join(names)}: {why}", err=True)


def _check_platform(url: str, broker_url: str | None) -> None:
    """Raise `ConfigError` for a URL that cannot be used, or a platform without its broker."""
    check_platform_url(url)
    if broker_url is None:
        raise ConfigError(["--platform: needs --broker, the one that this platform is on"])


def _run_virtually(
    loaded: LoadedRun,
    source: ScenarioSource,
    directory: RunDirectory,
    console: Console,
    chosen: RunOptions,
    *,
    seed: int,
) -> dict[str, Any]:
    # It brings the whole monitor, of which a live run starts a process.
    from fleet_sim.runs.virtual.run import VirtualOptions, VirtualRun  # noqa: PLC0415

    _warn_of_settings_of_the_monitor()
    options = VirtualOptions(
        seed=seed,
        fleet_secret=chosen.fleet_secret,
        hop_s=loaded.hop_s,
        load_began_s=loaded.load_began_s,
        course=loaded.course,
        journal=chosen.journal,
    )
    with _gathered_in(directory), closing(progress_on(console)) as progress:
        return VirtualRun(loaded.scenario, source, directory, options, progress).run()


def _run_live(
    loaded: LoadedRun,
    source: ScenarioSource,
    directory: RunDirectory,
    options: LiveOptions,
    spread_out: AbstractContextManager[RunsOn],
    console: Console,
) -> dict[str, Any]:
    """Start what the run needs, then the loop, and end both; then write the report."""
    with _gathered_in(directory), ExitStack() as shown:
        with spread_out as around:
            progress = shown.enter_context(closing(progress_on(console)))
            live_run = run_loop(
                lambda: _live(loaded.scenario, source, directory, options, around, progress)
            )
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # the loop has dropped it
        summary = live_run.conclude()
        if live_run.was_cut_short:
            raise KeyboardInterrupt
        return summary


async def _live(
    scenario: Scenario,
    source: ScenarioSource,
    directory: RunDirectory,
    options: LiveOptions,
    around: RunsOn,
    progress: Progress,
) -> LiveRun:
    live_run = LiveRun(scenario, source, directory, options, around, progress)
    await live_run.run()
    return live_run


def _gathered_in(directory: RunDirectory) -> AbstractContextManager[None]:
    """Return the block of a run that the user may end at once."""
    return interruptible(lambda: f"ended at once; what was gathered is in {directory.path}")


def _show(summary: Mapping[str, Any], directory: RunDirectory, console: Console) -> None:
    print_summary(summary, console)
    console.print(f"\nreport: {directory.path / 'report.html'}", soft_wrap=True, highlight=False)


def _exit_unless_fine(
    summary: Mapping[str, Any],
    directory: RunDirectory,
    expected_manifest: Path | None,
) -> None:
    if lost := summary["boxes"].get("lost_processes"):
        raise LostProcessError(lost)
    if summary["model_defects"]:
        raise ModelDefectError(summary["model_defects"], summary["first_model_defect"])
    if expected_manifest is not None:
        difference = first_difference(directory.path, expected_manifest)
        if difference is not None:
            click.echo(f"fleet-sim: another run: {difference}", err=True)
            sys.exit(EXPECTATION_FAILED)
    bad = [verdict for verdict in summary["expect"] if not verdict["holds"]]
    exit_unless_fine([readable.failure(verdict) for verdict in bad])
    exit_if_interrupted(summary["interrupted_after_s"])
