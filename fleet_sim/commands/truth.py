"""The command `fleet-sim truth`."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

import click
import msgspec
from rich.console import Console

from fleet_sim.broker.process import mosquitto_program
from fleet_sim.cars.defects import ModelDefectError
from fleet_sim.commands.options import choose_seed, seed_option
from fleet_sim.commands.verdicts import (
    check_places,
    console_for,
    exit_unless_fine,
    verdict_options,
    write_verdicts,
)
from fleet_sim.results import readable
from fleet_sim.runs.directory import RunDirectory
from fleet_sim.runs.manifest import lacks_of
from fleet_sim.runs.progress import progress_on
from fleet_sim.scenario.loading import Lacks
from fleet_sim.truth.client import Client
from fleet_sim.truth.expectations import Expectation, failures, parse, suites
from fleet_sim.truth.modes import Size, chosen_modes, phases_of, vehicle_ids, write_scenario
from fleet_sim.truth.outputs import tables
from fleet_sim.truth.page import write_page
from fleet_sim.truth.run import Plan, run_truth
from fleet_sim.truth.score import TruthResult, read_unlocks
from fleet_wire.command_line import INTERRUPTED
from fleet_wire.errors import ConfigError
from fleet_wire.printing import print_json

WIDTH = 120
"""Characters in a line of a log, which has no width of its own."""
SHIPPED = {
    "app": "fleet_sim.truth.clients.app",
    "home-assistant": "fleet_sim.truth.clients.home_assistant",
    "node-red": "fleet_sim.truth.clients.node_red",
}
"""The clients that ship, by name, and the module that is the program of each."""
_CLIENT = re.compile(r"([a-z0-9][a-z0-9-]{0,23})(?:=(.+))?")


@click.command()
@click.argument("clients", nargs=-1, required=True, metavar="CLIENTS...")
@click.option(
    "--mode",
    "names",
    multiple=True,
    metavar="MODE",
    help="Grade by this failure mode only. May be given several times. Default: all.",
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
    seed: int | None,
    out: Path | None,
    junit: Path | None,
    markdown: Path | None,
    as_json: bool,
) -> None:
    """Grade whether CLIENTS tell their users the truth about the lock.

    A client is NAME=COMMAND, a program that reads presses and prints what its user sees
    (docs/truth.md), or one that ships: app.

    Customers use the clients on simulated cars, while each failure mode acts on cars of its own.
    Each unlock is graded by what the client showed and what the door did.

    The directory of the result has a page, a badge for each client, and every graded unlock.

    Exits 0 when every --expect holds, 1 when one does not, 2 on an error, 130 when interrupted.

    \b
    fleet-sim truth app
    fleet-sim truth app naive="python docs/truth/naive_app.py"
    fleet-sim truth mine="./my-client --verbose" --mode ack_lost_executed --rounds 1
    fleet-sim truth app --expect 80% --expect control=100% --expect old_command=0 --junit truth.xml
    """  # noqa: D301 - click's own escape
    size = Size(cars=cars, control_cars=3 * cars, rounds=rounds)
    lacks = lacks_of(broker_kind="mosquitto" if mosquitto_program() else "iotcore")
    modes = chosen_modes(names, lacks)
    bounds = _bounds(expected, modes)
    programs = _programs(clients)
    check_places(junit, markdown)
    chosen = choose_seed(seed, None)
    directory = RunDirectory.create(out, scenario_name="truth", seed=chosen)
    with directory.none_if_refused():
        plan = _plan(directory, programs, modes, size, profile=profile, seed=chosen, lacks=lacks)
    console = console_for(as_json=as_json)
    if not console.is_terminal:
        console = Console(width=WIDTH, stderr=as_json)
    with closing(progress_on(console)) as progress:
        result = run_truth(plan, directory, progress)
    failed = failures(result, bounds)
    write_verdicts("fleet-sim truth", suites(result, bounds), junit=junit, markdown=markdown)
    command = ["fleet-sim", "truth", *clients, *_options(names, size, profile, chosen)]
    unlocks = read_unlocks(directory.path)
    page = write_page(directory.path, result, unlocks, failed=failed, words=command)
    if as_json:
        print_json(msgspec.to_builtins(result))
    _print(result, page, console)
    exit_unless_fine(failed, to_stderr=as_json)
    if result.is_interrupted:
        click.echo(f"fleet-sim: {readable.interrupted(result.duration_s)}", err=True)
        sys.exit(INTERRUPTED)


def _plan(
    directory: RunDirectory,
    programs: Mapping[str, list[str]],
    modes: tuple[str, ...],
    size: Size,
    *,
    profile: str,
    seed: int,
    lacks: Lacks,
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
    return Plan(clients=clients, phases=phases, size=size, seed=seed, profile=profile)


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


def _programs(clients: Sequence[str]) -> dict[str, list[str]]:
    """Return how each client is started. Raises `ConfigError`."""
    programs: dict[str, list[str]] = {}
    problems = []
    for text in clients:
        found = _CLIENT.fullmatch(text)
        name, command = found.groups() if found else ("", None)
        if not name or (command is None and name not in SHIPPED):
            shipped = ", ".join(SHIPPED)
            expected = f"expected NAME=COMMAND, with a NAME of a-z, 0-9 and -, or one of {shipped}"
            problems.append(f"client {text!r}: {expected}")
        elif name in programs:
            problems.append(f"client {name!r}: named twice")
        elif command is None:
            programs[name] = [sys.executable, "-m", SHIPPED[name]]
        else:
            programs[name] = _split_command(name, command, problems)
    if problems:
        raise ConfigError(problems)
    return programs


def _split_command(name: str, command: str, problems: list[str]) -> list[str]:
    """Return the words of a command, or note why it cannot be started."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        problems.append(f"client {name!r}: {command!r}: {error}")
        return []
    if not words or shutil.which(words[0]) is None:
        problems.append(f"client {name!r}: {command!r}: no such program")
    return words


def _print(result: TruthResult, page: Path, console: Console) -> None:
    """Print the tables. Raises for a defect of the model, and for clients that have ended."""
    for table in tables(result):
        console.print()
        console.print(table)
    console.print(f"\nreport: {page}", soft_wrap=True, highlight=False)
    if result.model_defects:
        raise ModelDefectError(result.model_defects, result.first_model_defect)
    ended = [(name, one.error) for name, one in result.clients.items() if one.error]
    if ended:
        raise ConfigError([f"client {name}: {error}" for name, error in ended])
