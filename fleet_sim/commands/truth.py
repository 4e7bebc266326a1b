"""The command `fleet-sim truth`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import click
import msgspec
from rich.console import Console

from fleet_sim.broker.process import BrokerKind, mosquitto_program
from fleet_sim.cars.defects import ModelDefectError
from fleet_sim.commands.options import checked_listen, choose_seed, seed_option
from fleet_sim.commands.verdicts import VerdictOptions, exit_if_interrupted, verdict_options
from fleet_sim.results import readable
from fleet_sim.runs.directory import RunDirectory, ScenarioSource
from fleet_sim.runs.manifest import lacks_of
from fleet_sim.runs.progress import progress_on
from fleet_sim.scenario.loading import Lacks
from fleet_sim.truth.client import Client
from fleet_sim.truth.expectations import Expectation, failures, parse, suites
from fleet_sim.truth.modes import Size, chosen_modes, phases_of, vehicle_ids, write_scenario
from fleet_sim.truth.outputs import tables
from fleet_sim.truth.page import write_page
from fleet_sim.truth.programs import programs_of
from fleet_sim.truth.run import HOST, Plan, run_truth
from fleet_sim.truth.score import UNLOCKS, TruthResult, read_unlocks
from fleet_wire.addresses import parse_listen
from fleet_wire.errors import ConfigError
from fleet_wire.links.brokers import Brokers
from fleet_wire.printing import print_json
from fleet_wire.web.listening import check_can_listen

NAME = "truth"
"""The run's, in its manifest and its directory."""
OPEN_CARS = "the simulated cars on {} obey the secret that everybody knows: use a broker for tests"
WIDTH = 120
"""Characters in a line of a log, which has no width of its own."""


@click.command()
@click.argument("clients", nargs=-1, required=True, metavar="CLIENTS...")
@click.option(
    "--mode",
    "names",
    multiple=True,
    metavar="MODE",
    help="Grade by this failure mode only (docs/modes.md), or by control, where nothing is wrong."
    " May be given several times. Default: all.",
)
@click.option(
    "--profile",
    default="native",
    show_default=True,
    metavar="PROFILE",
    help="What the cars speak: native, ovms, saic, aws-iot, or a file (docs/profiles.md).",
)
@click.option(
    "--cars",
    type=click.IntRange(1, 100),
    default=2,
    show_default=True,
    help="Cars for each mode and client; the control group has three times as many.",
)
@click.option(
    "--rounds",
    type=click.IntRange(1, 100),
    default=2,
    show_default=True,
    help="How often all faults come; a round takes a minute and a half.",
)
@click.option(
    "--expect",
    "expected",
    multiple=True,
    metavar="BOUND",
    help="Fail unless every client meets it: 90% of all unlocks true, MODE=50% of a mode's, or at"
    " most so many with a GRADE, as false_success=0. May be given several times.",
)
@click.option(
    "--broker",
    "broker_url",
    metavar="URL",
    help="Use this broker, which a running client is connected with; modes of the broker itself are"
    " left out. The simulated cars obey a secret that everybody knows, so use a broker for tests."
    " Default: a private mosquitto on a free port.",
)
@click.option(
    "--listen",
    metavar="HOST:PORT",
    callback=checked_listen,
    help="Where the platform's API is served. Default: a free port.",
)
@seed_option
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where to write the result. Default: runs/truth-<seed>-<time>.",
)
@verdict_options
def truth(  # noqa: PLR0913 - one parameter for each option
    *,
    clients: tuple[str, ...],
    names: tuple[str, ...],
    profile: str,
    cars: int,
    rounds: int,
    expected: tuple[str, ...],
    broker_url: str | None,
    listen: str | None,
    seed: int | None,
    out: Path | None,
    verdicts: VerdictOptions,
) -> None:
    """Grade whether CLIENTS tell their users the truth about the lock.

    A client is NAME=COMMAND, a program that reads presses and prints what its user sees
    (docs/truth-adapter.md); NAME=DOOR.yaml, an app at any HTTP API that a door file describes; or
    one that ships: app, home-assistant, node-red.

    Customers use the clients on simulated cars, while each failure mode acts on cars of its own.
    Each unlock is graded by what the client showed and what the door did.

    The directory of the result has a page, a badge for each client, and every graded unlock.

    Exits 0 when every --expect holds, 1 when one does not, 2 on an error, 130 when interrupted.

    \b
    fleet-sim truth app
    fleet-sim truth app naive="python docs/examples/programs/naive_app.py"
    fleet-sim truth mine="./my-client --verbose" --mode ack_lost_executed --rounds 1
    fleet-sim truth app --expect 80% --expect control=100% --expect old_command=0 --junit truth.xml
    """  # noqa: D301 - click's own escape
    size = Size(cars=cars, control_cars=3 * cars, rounds=rounds)
    broker_kind: BrokerKind = "mosquitto" if mosquitto_program() else "iotcore"
    lacks = lacks_of(broker_url=broker_url, broker_kind=broker_kind)
    brokers = None if broker_url is None else _brokers_at(broker_url)
    api = _api_address(listen)
    modes = chosen_modes(names, lacks)
    bounds = _bounds(expected, modes)
    programs = programs_of(clients)
    verdicts.check_places()
    chosen = choose_seed(seed, None)
    directory = RunDirectory.create(out, scenario_name=NAME, seed=chosen)
    with directory.none_if_refused():
        _check_nothing_is_there(directory, programs)
        plan = _plan(
            directory, programs, modes, size, profile=profile, seed=chosen, lacks=lacks, listen=api
        )
        command = ["fleet-sim", "truth", *clients, *_options(names, size, profile, chosen)]
        directory.write_manifest(
            ScenarioSource(directory.path / "phase-1.yaml", own_name=NAME),
            seed=chosen,
            mode="live",
            broker=broker_kind if brokers is None else str(brokers),
            profile=profile,
            command=command,
        )
    console = _console(to_stderr=verdicts.as_json)
    with closing(progress_on(console)) as progress:
        result = run_truth(plan, directory, progress, brokers=brokers, broker_kind=broker_kind)
    failed = failures(result, bounds)
    verdicts.write("fleet-sim truth", suites(result, bounds))
    unlocks = read_unlocks(directory.path)
    page = write_page(directory.path, result, unlocks, failed=failed, words=command)
    _print(result, page, console, as_json=verdicts.as_json)
    verdicts.exit_unless_fine(failed)
    exit_if_interrupted(result.duration_s if result.is_interrupted else None)


def _api_address(listen: str | None) -> tuple[str, int]:
    """Return where the API is served, by default on a free port. Raises `LimitError`."""
    if listen is None:
        return HOST, 0
    address = parse_listen(listen)
    check_can_listen(*address)
    return address


def _brokers_at(url: str) -> Brokers:
    """Return the brokers, and warn where others could open the cars there."""
    brokers = Brokers.parse(url)
    if not brokers.is_loopback:
        click.echo(f"warning: {OPEN_CARS.format(brokers)}", err=True)
    return brokers


def _console(*, to_stderr: bool) -> Console:
    """Return where to print: on a terminal as wide as that is."""
    console = Console(stderr=to_stderr)
    return console if console.is_terminal else Console(width=WIDTH, stderr=to_stderr)


def _check_nothing_is_there(directory: RunDirectory, clients: Iterable[str]) -> None:
    """Raise `ConfigError` where a directory has a file that a result would be written into."""
    for name in (UNLOCKS, *clients):
        if (directory.path / name).exists():
            problem = f"--out {directory.path}: {name} is there already; choose another directory"
            raise ConfigError([problem])


def _plan(
    directory: RunDirectory,
    programs: Mapping[str, list[str]],
    modes: tuple[str, ...],
    size: Size,
    *,
    profile: str,
    seed: int,
    lacks: Lacks,
    listen: tuple[str, int],
) -> Plan:
    """Return the plan of a run, with its scenarios in files of the directory."""
    names = [*programs]
    phases = []
    for number, phase in enumerate(phases_of(modes), 1):
        file = directory.path / f"phase-{number}.yaml"
        phases.append(
            (phase, write_scenario(file, phase, names, size, profile=profile, lacks=lacks))
        )
    clients = [
        Client(name, argv, [car for mode in modes for car in vehicle_ids(name, mode, size)])
        for name, argv in programs.items()
    ]
    return Plan(
        clients=clients, phases=phases, size=size, seed=seed, profile=profile, listen=listen
    )


def _options(names: Sequence[str], size: Size, profile: str, seed: int) -> list[str]:
    """Return the options of the same run again."""
    modes = [word for name in names for word in ("--mode", name)]
    sizes = ["--cars", str(size.cars), "--rounds", str(size.rounds)]
    return [*modes, "--profile", profile, *sizes, "--seed", str(seed)]


def _bounds(texts: Sequence[str], modes: tuple[str, ...]) -> tuple[Expectation, ...]:
    """Return what is expected. Raises `ConfigError` with a line for each that cannot be read."""
    bounds, problems = [], []
    for text in texts:
        try:
            bounds.append(parse(text, modes))
        except ValueError as error:
            problems.append(f"--expect {text!r}: {error}")
    if problems:
        raise ConfigError(problems)
    return tuple(bounds)


def _print(result: TruthResult, page: Path, console: Console, *, as_json: bool) -> None:
    """Print the tables, and the result as JSON if asked.

    Raises for a defect of the model, and for clients that have ended.
    """
    if as_json:
        print_json(msgspec.to_builtins(result))
    for table in tables(result):
        console.print()
        console.print(table)
    for name, one in result.clients.items():
        if one.bad_lines:
            lines = readable.number_of(one.bad_lines, "line")
            click.echo(f"client {name}: {lines} passed over: {one.first_bad_line}", err=True)
    console.print(f"\nreport: {page}", soft_wrap=True, highlight=False)
    if result.model_defects:
        raise ModelDefectError(result.model_defects, result.first_model_defect)
    ended = [(name, one.error) for name, one in result.clients.items() if one.error]
    if ended:
        raise ConfigError([f"client {name}: {error}" for name, error in ended])
