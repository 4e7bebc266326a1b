"""Measure what a future costs: `python -m bench.future_cost WORLDS [--before PYTHON]`.

WORLDS is a file of worlds or a scenario; its first world is played. The futures of a seed are
played together: one without a mitigation, and one with each that may change something. Their CPU
seconds are those of the process and of its forks. With `--before` the interpreter of another
version plays the same futures in turn, so both meet the same load of the machine.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Final

import click

from bench.results import aligned
from fleet_sim.futures.playing import changes_something, read_worlds
from fleet_sim.mitigations.form import load_mitigations

PROGRAM: Final = """
import resource, sys
from pathlib import Path
from fleet_sim.futures.playing import play_world, read_worlds
from fleet_sim.mitigations.form import load_mitigations

def cpu_s():
    used = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used)

file, seed, *names = sys.argv[1:]
world = read_worlds(Path(file))[0][0]
options = [None, *load_mitigations(only=names).values()]
play_world(world, options[:2], 0)
before_s = cpu_s()
play_world(world, options, int(seed))
print((cpu_s() - before_s) / len(options))
"""
"""It runs with any version, after a short play that loads what is loaded once."""


def future_s(python: str, file: Path, names: Sequence[str], seed: int) -> float:
    """Return the CPU seconds of one future of a seed, as an interpreter plays them."""
    command = [python, "-P", "-c", PROGRAM, str(file), str(seed), *names]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(ended.stdout)


@click.command()
@click.argument("worlds", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--before", help="the Python of another version to compare with")
@click.option("--seeds", default=5, show_default=True, help="times that all futures are played")
def main(*, worlds: Path, before: str | None, seeds: int) -> None:
    """Print the CPU seconds of a future."""
    (world, *_), _ = read_worlds(worlds)
    names = [name for name, each in load_mitigations().items() if changes_something(each, world)]
    pythons = {"before": before, "now": sys.executable}
    found: dict[str, list[float]] = {}
    for seed in range(1, seeds + 1):
        for version, python in pythons.items():
            if python is not None:
                found.setdefault(version, []).append(future_s(python, worlds, names, seed))
    click.echo(f"{world.scenario.fleet.count} cars, {1 + len(names)} futures of each seed")
    rows = [
        [version, f"{median(costs):.3f}", f"{min(costs):.3f}", f"{max(costs):.3f}"]
        for version, costs in found.items()
    ]
    click.echo(aligned([["CPU s of a future", "median", "least", "most"], *rows]))


if __name__ == "__main__":
    main()
