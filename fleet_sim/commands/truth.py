"""The command `fleet-sim truth`."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import click
from rich.console import Console

from fleet_sim.broker.process import mosquitto_program
from fleet_sim.cars.defects import ModelDefectError
from fleet_sim.commands.options import choose_seed, seed_option
from fleet_sim.results import readable
from fleet_sim.runs.directory import RunDirectory
from fleet_sim.runs.manifest import lacks_of
from fleet_sim.runs.progress import progress_on
from fleet_sim.truth.client import Client
from fleet_sim.truth.modes import Size, chosen_modes, phases_of, vehicle_ids, write_scenario
from fleet_sim.truth.outputs import tables
from fleet_sim.truth.run import Plan, run_truth
from fleet_sim.truth.score import RESULT, TruthResult
from fleet_wire.command_line import INTERRUPTED
from fleet_wire.errors import ConfigError

WIDTH = 120
"""Characters in a line of a log, which has no width of its own."""
SHIPPED = {"app": "fleet_sim.truth.clients.app"}
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
@seed_option
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where to write the result. Default: runs/truth-<seed>-<time>.",
)
def truth(
    *,
    clients: tuple[str, ...],
    names: tuple[str, ...],
    profile: str,
    cars: int,
    rounds: int,
    seed: int | None,
    out: Path | None,
) -> None:
    """Grade whether CLIENTS tell their users the truth about the lock.

    A client is NAME=COMMAND, a program that reads presses and prints what its user sees
    (docs/truth.md), or one that ships: app.

    Customers use the clients on simulated cars, while each failure mode acts on cars of its own.
    Each unlock is graded by what the client showed and what the door did.

    Exits 0 when all was graded, 2 on an error, 130 when interrupted.

    \b
    fleet-sim truth app
    fleet-sim truth app naive="python docs/truth/naive_app.py"
    fleet-sim truth mine="./my-client --verbose" --mode ack_lost_executed --rounds 1
    """  # noqa: D301 - click's own escape
    size = Size(cars=cars, control_cars=3 * cars, rounds=rounds)
    lacks = lacks_of(broker_kind="mosquitto" if mosquitto_program() else "iotcore")
    modes = chosen_modes(names, lacks)
    programs = _programs(clients)
    chosen = choose_seed(seed, None)
    directory = RunDirectory.create(out, scenario_name="truth", seed=chosen)
    phases = [
        (
            phase,
            write_scenario(
                directory.path / f"phase-{number}.yaml",
                phase,
                [*programs],
                size,
                profile=profile,
                lacks=lacks,
            ),
        )
        for number, phase in enumerate(phases_of(modes), 1)
    ]
    plan = Plan(
        clients=[
            Client(name, argv, [car for mode in modes for car in vehicle_ids(name, mode, size)])
            for name, argv in programs.items()
        ],
        phases=phases,
        size=size,
        seed=chosen,
        profile=profile,
    )
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    with closing(progress_on(console)) as progress:
        result = run_truth(plan, directory, progress)
    _print(result, directory, console)


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
    try:
        return shlex.split(command)
    except ValueError as error:
        problems.append(f"client {name!r}: {command!r}: {error}")
        return []


def _print(result: TruthResult, directory: RunDirectory, console: Console) -> None:
    for table in tables(result):
        console.print()
        console.print(table)
    console.print(f"\nresult: {directory.path / RESULT}", soft_wrap=True, highlight=False)
    if result.model_defects:
        raise ModelDefectError(result.model_defects, None)
    if errors := [
        f"client {name}: {one.error}" for name, one in result.clients.items() if one.error
    ]:
        raise ConfigError(errors)
    if result.is_interrupted:
        click.echo(f"fleet-sim: {readable.interrupted(result.duration_s)}", err=True)
        sys.exit(INTERRUPTED)
