"""The command `fleet-sim what-if`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.table import Table

from fleet_sim.commands.verdicts import interruptible
from fleet_sim.futures.calibration import fitted_worlds, past_tasks
from fleet_sim.futures.future import HORIZON_S
from fleet_sim.futures.playing import (
    Player,
    World,
    changes_something,
    play_all,
    play_here,
    play_on_dask,
    read_worlds,
)
from fleet_sim.futures.ranking import NOTHING, RankedMitigation, rank_mitigations
from fleet_sim.mitigations.form import Mitigation, load_mitigations
from fleet_sim.runs.course import DO_NOTHING
from fleet_sim.runs.limits import cores
from fleet_sim.runs.progress import progress_on
from fleet_wire.errors import ConfigError
from fleet_wire.printing import print_json

SMS_PRICE = 0.05
"""Price of one SMS to a car, in the user's currency [E]."""


@click.command("what-if")
@click.argument("worlds", type=click.Path(path_type=Path, dir_okay=False), metavar="WORLDS")
@click.option(
    "--mitigations", "places", multiple=True, metavar="PLACE",
    type=click.Path(path_type=Path, exists=True),
    help="A mitigation of yours, as a YAML file, or a folder of them. Those that ship stay.",
)  # fmt: skip
@click.option(
    "--only", multiple=True, metavar="NAME", help="Play only this mitigation. Repeatable."
)
@click.option(
    "--seeds", type=click.IntRange(2, 10_000), default=20, show_default=True,
    help="Futures of each mitigation in each world.",
)  # fmt: skip
@click.option("--first-seed", type=int, default=1, show_default=True, help="The first one's seed.")
@click.option("--jobs", type=click.IntRange(1, 1_000), help="Processes.  [default: one per core]")
@click.option(
    "--scheduler", metavar="ADDRESS",
    help="Send the futures to the workers of this Dask scheduler, as tcp://10.0.0.5:8786.",
)  # fmt: skip
@click.option(
    "--keep", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
    help="Also keep the first seed's future of each mitigation and world there, as a run with its"
    " report. One takes some seconds.",
)  # fmt: skip
@click.option(
    "--sms-price", type=click.FloatRange(0), default=SMS_PRICE, show_default=True,
    help="Of one SMS to a car, in your currency.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def what_if(  # noqa: PLR0913 - the options
    *,
    worlds: Path,
    places: tuple[Path, ...],
    only: tuple[str, ...],
    seeds: int,
    first_seed: int,
    jobs: int | None,
    scheduler: str | None,
    keep: Path | None,
    sms_price: float,
    as_json: bool,
) -> None:
    """Play half an hour of an incident with each mitigation, and rank them by rentals lost.

    WORLDS is a scenario with customers and a fault, or a file of several worlds of one incident,
    each as likely as its diagnosis, as `platform-probe what-if` makes it.

    Every mitigation meets the same customers, so pairs of futures are compared. A mitigation that
    saves no rental beyond chance is marked as no better than doing nothing.

    \b
    fleet-sim what-if scenarios/carrier_outage_rentals.yaml
    fleet-sim what-if worlds.yaml --mitigations ours/ --seeds 50
    fleet-sim what-if worlds.yaml --only take_cars_out --only roll_back_firmware --json
    """  # noqa: D301 - click's own escape
    if scheduler is not None and jobs is not None:
        raise ConfigError(["--jobs: with --scheduler the workers say how many futures they play"])
    mitigations = load_mitigations(places, only=only)
    found, unknown = read_worlds(worlds)
    console = Console(stderr=as_json)
    found, ranked = _ranked(
        found,
        mitigations,
        seeds=range(first_seed, first_seed + seeds),
        play=_player(jobs, scheduler),
        sms_price=sms_price,
        console=console,
    )
    if keep is not None:
        _keep(found, mitigations, seed=first_seed, folder=keep)
    if as_json:
        print_json(_as_json(found, mitigations, ranked, unknown, (first_seed, seeds)))
        return
    _print(console, found, mitigations, ranked, unknown)
    click.echo(f"seeds {first_seed} to {first_seed + seeds - 1} of each mitigation and world")


def _player(jobs: int | None, scheduler: str | None) -> Player:
    """Return what plays futures: processes here, or a scheduler's workers."""
    if scheduler is None:
        return partial(play_here, jobs=jobs or cores())
    return partial(play_on_dask, address=scheduler, note=partial(click.echo, err=True))


def _keep(
    worlds: Sequence[World], mitigations: Mapping[str, Mitigation], *, seed: int, folder: Path
) -> None:
    from fleet_sim.futures.keeping import keep_futures  # noqa: PLC0415 - imports the monitor

    for path in keep_futures(worlds, mitigations, seed=seed, folder=folder):
        click.echo(f"kept: {path}/report.html", err=True)


def _ranked(
    worlds: Sequence[World],
    mitigations: Mapping[str, Mitigation],
    *,
    seeds: Sequence[int],
    play: Player,
    sms_price: float,
    console: Console,
) -> tuple[list[World], list[RankedMitigation]]:
    """Fit the worlds, play all futures with progress, and rank the mitigations."""
    done, total = 0, sum(len(task.seeds) for task in past_tasks(worlds))

    def describe_progress() -> str:
        return f"interrupted after {done} of {total} futures"

    with interruptible(describe_progress), closing(progress_on(console)) as progress:

        def count(played: int) -> None:
            nonlocal done
            done += played
            progress.runs(done=done, total=total, failed=0)

        worlds = fitted_worlds(worlds, seeds=len(seeds), play=play, on_played=count)
        total += len(seeds) * sum(
            1 + sum(changes_something(each, world) for each in mitigations.values())
            for world in worlds
        )
        played = play_all(worlds, mitigations, seeds=seeds, play=play, on_played=count)
    return [*worlds], rank_mitigations(
        played,
        [world.weight for world in worlds],
        costs={name: each.cost for name, each in mitigations.items()},
        sms_price=sms_price,
    )


def _print(
    console: Console,
    worlds: Sequence[World],
    mitigations: Mapping[str, Mitigation],
    ranked: Sequence[RankedMitigation],
    unknown: Sequence[str],
) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("Mitigation", overflow="fold")
    for title in ("Rentals lost", "Saved", "Wait, s", "SMS", "Commands", "Cost"):
        table.add_column(title, justify="right", no_wrap=True)
    idle = {
        name
        for name, each in mitigations.items()
        if not any(changes_something(each, world) for world in worlds)
    }
    for each in ranked:
        if each.name in idle:
            continue
        is_nothing = each.name == NOTHING
        title = DO_NOTHING if is_nothing else mitigations[each.name].title
        saved = "" if is_nothing else f"{each.saved.low:.1f} to {each.saved.high:.1f}"
        style = "bold" if is_nothing else "" if each.is_better else "dim"
        table.add_row(
            title,
            f"{each.lost.mean:.1f}",
            saved,
            f"{each.waiting_s:.0f}",
            f"{each.sms:.0f}",
            f"{each.commands:.0f}",
            f"{each.cost:.2f}",
            style=style,
        )
    console.print(table)
    console.print()
    best = next((each for each in ranked if each.is_better), None)
    if best is None:
        console.print("No mitigation is better than doing nothing.")
    else:
        console.print(f"Best: {mitigations[best.name].title}. {mitigations[best.name].assumes}")
    if idle:
        titles = "; ".join(mitigations[name].title for name in sorted(idle))
        console.print(f"Without effect here: {titles}.")
    console.print(world_lines(worlds))
    console.print("Saved: 19 of 20 futures are within these bounds.")
    for gap in unknown:
        console.print(f"Not known: {gap}")


def world_lines(worlds: Sequence[World]) -> str:
    """Return which worlds were played, and the assumption that all share."""
    total = sum(world.weight for world in worlds)
    named = ", ".join(f"{world.mode} {world.weight / total:.0%}" for world in worlds)
    return (
        f"Worlds: {named}. Each future starts {worlds[0].decision_s / 60:.0f} minutes before the"
        f" decision and counts {HORIZON_S / 60:g} minutes after it; the failure lasts longer, if"
        " nobody ends it."
    )


def _as_json(
    worlds: Sequence[World],
    mitigations: Mapping[str, Mitigation],
    ranked: Sequence[RankedMitigation],
    unknown: Sequence[str],
    seeds: tuple[int, int],
) -> dict[str, Any]:
    return {
        "first_seed": seeds[0],
        "seeds": seeds[1],
        "horizon_s": HORIZON_S,
        "worlds": [{"mode": world.mode, "weight": world.weight} for world in worlds],
        "unknown": [*unknown],
        "mitigations": [
            {
                "title": DO_NOTHING if each.name == NOTHING else mitigations[each.name].title,
                "assumes": "" if each.name == NOTHING else mitigations[each.name].assumes,
                **msgspec.to_builtins(each),
            }
            for each in ranked
        ],
    }
