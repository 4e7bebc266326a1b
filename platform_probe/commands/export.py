"""`platform-probe export`: a scenario that brings about again what a store knows of."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click

from fleet_wire.command_line import write_file
from fleet_wire.contract.causes import Cause
from fleet_wire.error_text import suggestion
from fleet_wire.errors import ConfigError
from fleet_wire.modes.catalogue import MODES
from platform_probe.commands.asking import StoreOptions, store_options
from platform_probe.store.schema import COMPLAINTS
from platform_probe.tell.export.incident import (
    Incident,
    incident_in,
    incident_of,
    with_neutral_names,
)
from platform_probe.tell.export.scenario import ends_of, text_of


@click.command()
@store_options
@click.option("--attempt", metavar="ID", help="The unlock, or the complaint, to bring about again.")
@click.option("--cause", metavar="CAUSE", help="All that failed of it in the time.")
@click.option(
    "--mode", metavar="MODE",
    help="All of which it is the likeliest mode; with --attempt or --cause: bring about this one,"
    " whatever the diagnosis says.",
)  # fmt: skip
@click.option("--since", metavar="TIME", help="From then on, as 08:15 or 2h.  [default: a day ago]")
@click.option("--until", metavar="TIME", help="Until then.  [default: the newest record]")
@click.option(
    "--keep-names", is_flag=True,
    help="Leave regions, operators, firmwares, hardware and apps their names.",
)  # fmt: skip
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Write it there.  [default: print it]",
)  # fmt: skip
def export(
    *,
    store: StoreOptions,
    attempt: str | None,
    cause: str | None,
    mode: str | None,
    since: str | None,
    until: str | None,
    keep_names: bool,
    out: Path | None,
) -> None:
    """Write an incident as a scenario: the cars, the times, and its likeliest mode as a fault.

    \b
    platform-probe export --attempt ID --store store --out incident.yaml
    platform-probe export --mode no_coverage_garage --since 08:00 --until 09:00 --store store
    platform-probe export --cause box_offline --mode dns_failure --run runs/morning
    fleet-sim run incident.yaml --mode virtual

    The scenario names no car, booking, customer or place. Regions, operators and versions become
    numbers. It expects the causes that it shows, so its run is its test.
    """  # noqa: D301 - click's own escape
    if attempt is None and cause is None and mode is None:
        raise click.UsageError("name an --attempt, a --cause or a --mode")
    if attempt is not None and (cause or since or until):
        raise click.UsageError("--cause, --since and --until are for more than one --attempt")
    _check(mode, cause)
    asked = store.question()
    if attempt is not None:
        incident = incident_of(asked.source, attempt, mode)
    else:
        span = asked.span(since, until, [COMPLAINTS])
        incident = incident_in(asked.source, span, cause=cause, mode=mode)
    text = text_of(incident if keep_names else with_neutral_names(incident))
    if out is None:
        click.echo(text, nl=False)
        return
    write_file(out, text, option="--out")
    click.echo(
        f"{out}: {incident.mode}{_left_out(incident)};"
        f" its proof: fleet-sim run {out} --mode virtual",
        err=True,
    )


def _left_out(incident: Incident) -> str:
    """Return which causes of the incident are not in its scenario, to be asked for by --cause."""
    told = {one.cause for one in ends_of(incident)}
    others = Counter(one.cause for one in incident.struck if one.cause not in told)
    named = ", ".join(f"{cause or 'opened'} {number}" for cause, number in others.most_common())
    return f", without what ended otherwise ({named})" if named else ""


def _check(mode: str | None, cause: str | None) -> None:
    problems = []
    if mode is not None and mode not in MODES:
        problems.append(f"--mode {mode}: no such failure mode{suggestion(mode, list(MODES))}")
    if cause is not None and cause not in list(Cause):
        problems.append(f"--cause {cause}: no such cause{suggestion(cause, list(Cause))}")
    if problems:
        raise ConfigError(problems)
