"""The command `fleet-sim profile`."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import click

from fleet_sim.cars.parameters import BoxParameters
from fleet_sim.results.readable import number_of
from fleet_wire.command_line import EXPECTATION_FAILED
from fleet_wire.printing import print_json
from fleet_wire.profiles.loading import load_draft, profile_schema
from fleet_wire.profiles.mapped import MappedProfile
from fleet_wire.profiles.missing_fields import missing_fields
from fleet_wire.profiles.profile import Profile
from fleet_wire.profiles.samples import (
    Reading,
    apply_profile,
    read_samples,
    traits_in_words,
    unlock_of,
)

EXAMPLE_CAR = "car-00001"


@click.group()
def profile() -> None:
    """Check profiles: files that say what a fleet's topics and payloads mean."""


@profile.command()
@click.argument("profile_file", metavar="PROFILE")
@click.option(
    "--sample",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.jsonl",
    help='Recorded messages, one JSON object a line: {"topic": "...", "payload": "..."}; a payload'
    " may be text, or JSON as it is; `payload_base64`, `correlation_data` and `retain` may be"
    " given. `platform-probe learn --sample` records them.",
)
def check(*, profile_file: str, sample: Path | None) -> None:
    """Check PROFILE, a file or one of ours, and show what it makes of recorded messages.

    \b
    fleet-sim profile check my-fleet.yaml
    fleet-sim profile check my-fleet.yaml --sample recorded.jsonl

    Warnings name fields that the profile does not map, and what the monitor cannot see without
    them. They do not change the exit code.

    Exits 1 when a message on a topic of the profile cannot be read, when none is on such a topic,
    or when a draft has lines to fill in: these are named at the end.
    """  # noqa: D301 - click's own escape
    loaded, gaps = load_draft(profile_file, box=BoxParameters)
    for line in traits_in_words(loaded):
        click.echo(line)
    if isinstance(loaded, MappedProfile):
        for text in missing_fields(loaded.form):
            click.echo(f"warning: not mapped: {text}")
    for topic, payload in unlock_of(loaded, EXAMPLE_CAR):
        click.echo(f"an unlock of {EXAMPLE_CAR}: {topic} {payload}")
    is_read = sample is None or _show(loaded, sample)
    for gap in gaps:
        click.echo(gap, err=True)
    if gaps or not is_read:
        sys.exit(EXPECTATION_FAILED)


def _show(loaded: Profile, sample: Path) -> bool:
    """Show what a profile makes of recorded messages, and return whether it reads them."""
    counts: Counter[Reading] = Counter()
    foreign: Counter[str] = Counter()
    for said in apply_profile(loaded, read_samples(sample)):
        counts[said.reading] += 1
        if said.reading is Reading.OTHER:
            foreign[said.topic] += 1
        else:
            click.echo(f"{said.place}: {said.text}")
    for topic, number in sorted(foreign.items()):
        click.echo(f"{topic}: not in profile {loaded.name}, {number_of(number, 'message')}")
    click.echo(", ".join(f"{counts[reading]} {reading.value}" for reading in Reading))
    return counts[Reading.UNREADABLE] == 0 and counts[Reading.READ] > 0


@profile.command()
def schema() -> None:
    """Print the JSON Schema of a profile file, for editors."""
    print_json(profile_schema())
