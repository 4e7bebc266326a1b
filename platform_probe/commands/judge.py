"""The command `platform-probe judge`: judges a journal, as it is written or anew."""

from __future__ import annotations

import asyncio
import math
import sys
from pathlib import Path
from typing import Final

import click
import uvloop

from fleet_wire.errors import ConfigError
from fleet_wire.garbage import calm_garbage_collector
from fleet_wire.printing import print_json
from platform_probe.commands.asking import language_from
from platform_probe.judge.weights import weights_file
from platform_probe.judge_process.outlets import judge_of, ranking_of, zone_of
from platform_probe.judge_process.process import GARBAGE, follow_alone
from platform_probe.judge_process.recordings import recording_at
from platform_probe.judge_process.replay import Changed, Replayed, replay, rows_of
from platform_probe.settings.monitor import ProbeSettings, load_settings
from platform_probe.texts.speaking import Speaker
from platform_probe.texts.times import date_and_clock, moment_of, zone_named

DIFFERS: Final = 1
PROGRESS_EVERY_S: Final = 3600.0
_PATH: Final = click.Path(path_type=Path)


def _print_weights(context: click.Context, _: click.Parameter, is_asked_for: bool) -> None:  # noqa: FBT001 - click's own
    if is_asked_for:
        click.echo(weights_file().read_bytes(), nl=False)
        context.exit()


@click.command()
@click.option("--config", type=_PATH, metavar="FILE", help="The monitor's settings.")
@click.option(
    "--replay", "replayed", type=_PATH, metavar="STORE",
    help="Judge anew the journal in this store, or in a monitor's directory, and compare.",
)  # fmt: skip
@click.option("--since", metavar="TIME", help="Compare from then on, as 08:15 or 2h.")
@click.option("--until", metavar="TIME", help="Compare until then.")
@click.option(
    "--weights", type=_PATH, metavar="FILE",
    help="Weights or a calibration of the diagnosis to try.  [default: `weights` of the settings,"
    " else those of this release]",
)  # fmt: skip
@click.option(
    "--out", type=_PATH, metavar="DIR",
    help="Write the diagnoses, incidents and messages of the replay there.",
)  # fmt: skip
@click.option(
    "--zone", default="UTC", show_default=True, metavar="ZONE", help="Time zone of the times."
)
@click.option(
    "--print-weights",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_weights,
    help="Print the weights of this release, to change them and try them.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def judge(
    *,
    config: Path | None,
    replayed: Path | None,
    since: str | None,
    until: str | None,
    weights: Path | None,
    out: Path | None,
    zone: str,
    as_json: bool,
) -> None:
    """Judge a monitor's journal: follow it as it grows, or replay it.

    \b
    platform-probe judge --config probe.yaml
    platform-probe judge --replay store --since 2026-11-29 --until 2026-11-30
    platform-probe judge --replay store --since 2h --weights new-weights.json
    platform-probe judge --replay probe-data --out what-would-have-been

    `platform-probe run` starts its own judge. This command follows a copy of a journal, also on
    another machine. A replay of a store begins some hours before --since, as a judge needs to know
    what came before; one of a monitor's directory reads the whole journal.

    Exit codes of a replay: 0 if all judgements are the same, 1 if some differ, 2 if the journal
    cannot be read.
    """  # noqa: D301 - click's own escape
    settings = load_settings(config)
    if replayed is None:
        given = {"--since": since, "--until": until, "--weights": weights, "--out": out}
        if needless := [name for name, value in given.items() if value is not None]:
            raise click.UsageError(f"{needless[0]} goes with --replay STORE")
        journal = settings.journal_dir
        waits = "" if journal.exists() else ", which platform-probe run has still to make"
        click.echo(f"following {journal}{waits}; Ctrl-C ends this", err=True)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(follow_alone(settings))
        return
    if out is not None and out.exists():
        raise ConfigError([f"--out {out}: is there already; choose another directory"])
    calm_garbage_collector(**GARBAGE)
    found = _replay(
        settings, replayed, since=since, until=until, weights=weights, out=out, zone=zone
    )
    if as_json:
        print_json(
            {
                "since": found.since,
                "until": found.until,
                "entries": found.entries,
                "set_aside": found.set_aside,
                "unreadable": found.unreadable,
                "missed_segments": found.missed,
                "unlocks": found.unlocks,
                "modes": rows_of(found.modes),
                "incidents": rows_of(found.incidents),
            }
        )
    else:
        _print(found, zone)
    sys.exit(0 if found.has_no_difference else DIFFERS)


def _replay(
    settings: ProbeSettings, directory: Path, *, since: str | None, until: str | None,
    weights: Path | None, out: Path | None, zone: str,
) -> Replayed:  # fmt: skip
    ranking = ranking_of(weights, name="--weights") if weights else ranking_of(settings.weights)
    recording = recording_at(directory)
    newest_s = recording.newest_s()
    chosen = zone_named(zone)
    said_s = 0.0

    def progress(at: float) -> None:
        nonlocal said_s
        if at - said_s >= PROGRESS_EVERY_S and sys.stderr.isatty():
            said_s = at
            click.echo(f"judging {date_and_clock(at, chosen)}", err=True)

    return replay(
        recording,
        judge_of(settings, ranking),
        since=-math.inf if since is None else moment_of(since, chosen, newest_s=newest_s),
        until=math.inf if until is None else moment_of(until, chosen, newest_s=newest_s),
        speaker=Speaker(language_from(None, settings), zone_of(settings)),
        out=out,
        progress=progress,
    )


def _print(found: Replayed, zone: str) -> None:
    chosen = zone_named(zone)
    span = " to ".join(date_and_clock(at, chosen) for at in (found.since, found.until))
    click.echo(f"compared: {span}")
    click.echo(f"{found.entries} entries judged, {found.unlocks} unlocks with a diagnosis")
    for number, what in (
        (found.missed, "segments of the journal are missing"),
        (found.unreadable, "lines of the journal cannot be read"),
        (found.set_aside, "entries could not be judged: please report them"),
    ):
        if number:
            click.echo(f"{number} {what}")
    for what, lines in (
        ("diagnoses", [f"{one.number} x {_arrow(one, 'for example ')}" for one in found.modes]),
        ("incidents", [_arrow(one) for one in found.incidents]),
    ):
        click.echo(f"\n{what}: {'these differ' if lines else 'as they were'}")
        for line in lines:
            click.echo(f"  {line}")


def _arrow(one: Changed, example: str = "") -> str:
    """Return what it was, what it is now, and an id to look at."""
    is_single = one.number == 1
    named = f"({'' if is_single else example}{one.example})"
    return f"{one.before or 'nothing'} -> {one.after or 'nothing'} {named}"
