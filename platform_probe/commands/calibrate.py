"""`platform-probe calibrate`: adjust the diagnosis to this fleet by the labels of its people."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Final

import click
import msgspec

from fleet_wire.errors import ConfigError
from fleet_wire.printing import print_json
from platform_probe.commands.asking import StoreOptions
from platform_probe.commands.query import table_of
from platform_probe.judge.diagnosis.calibration import (
    GOOD_LABELS,
    LEAST_LABELS,
    Figures,
    LabelledUnlock,
    fit,
    held_out,
)
from platform_probe.judge.weights import shipped_weights
from platform_probe.tell.labels import labelled_unlocks
from platform_probe.texts.times import date_and_clock

NO_BETTER: Final = 1
_FEW: Final = 5
"""With fewer labels of a mode, its prior is mostly what was learned elsewhere."""


@click.command()
@click.argument("store", type=click.Path(path_type=Path))
@click.option("--since", metavar="TIME", help="Use unlocks from then on, as 2026-11-01 or 30d.")
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="FILE", default="calibration.json",
    show_default=True, help="Write the calibration there.",
)  # fmt: skip
@click.option("--zone", metavar="NAME", help="Time zone of the times.  [default: UTC]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def calibrate(
    *, store: Path, since: str | None, out: Path, zone: str | None, as_json: bool
) -> None:
    """Fit the diagnosis to the labels in STORE, and write a calibration.

    \b
    platform-probe calibrate store
    platform-probe calibrate store --since 90d --out calibration.json

    It changes how likely each failure mode is before any fact is seen, and how sure the diagnosis
    is. It reports both before and after, each on labels that the fit has not seen. STORE may also
    be the directory of a run. `weights` of the monitor's settings names the file that is written.

    Exit codes: 0 if the calibration was written, 1 if it is no better than the release's weights,
    2 if there are too few labels.
    """  # noqa: D301 - click's own escape
    asked = StoreOptions(store, None, zone).question()
    unlocks = labelled_unlocks(asked.source, asked.moment(since))
    if len(unlocks) < LEAST_LABELS:
        raise ConfigError([_too_few(store, len(unlocks))])
    weights = shipped_weights()
    before, after = held_out(weights, unlocks)
    is_better = after.loss < before.loss
    if is_better:
        made_by = f"platform-probe calibrate, {len(unlocks)} labels"
        fitted = fit(weights, unlocks, made_by=made_by)
        out.write_bytes(msgspec.json.format(msgspec.json.encode(fitted), indent=1) + b"\n")
    if as_json:
        written = str(out) if is_better else None
        print_json({"before": asdict(before), "after": asdict(after), "written": written})
    else:
        first, last = (date_and_clock(pick(one.started_at for one in unlocks), asked.zone)
                       for pick in (min, max))  # fmt: skip
        click.echo(f"{len(unlocks)} labels of unlocks from {first} to {last}\n")
        click.echo(_table(before, after))
        click.echo(_advice(unlocks))
        click.echo(
            f"written: {out}; set `weights: {out}` in the monitor's settings"
            if is_better
            else "no better than the weights of this release: nothing is written"
        )
    if not is_better:
        raise SystemExit(NO_BETTER)


def _too_few(store: Path, number: int) -> str:
    problem = f"{store}: {number} labels of diagnosed unlocks are too few"
    todo = f"`platform-probe query to-label --store {store} --since 30d` lists unlocks to label"
    return f"{problem}: {LEAST_LABELS} are the least, {GOOD_LABELS} are good; {todo}"


def _table(before: Figures, after: Figures) -> str:
    rows = [
        ("right first", f"{before.right:.1%}", f"{after.right:.1%}"),
        ("right among three", f"{before.among_three:.1%}", f"{after.among_three:.1%}"),
        ("calibration error", f"{before.error:.3f}", f"{after.error:.3f}"),
        ("the same by chance alone", f"{before.by_chance:.3f}", f"{after.by_chance:.3f}"),
        ("log loss", f"{before.loss:.3f}", f"{after.loss:.3f}"),
    ]
    return table_of(("on held-out labels", "before", "after"), rows)


def _advice(unlocks: list[LabelledUnlock]) -> str:
    """Return what the figures allow to conclude from so many labels."""
    lines = [""]
    if len(unlocks) < GOOD_LABELS:
        lines.append(f"{len(unlocks)} labels are few: {GOOD_LABELS} make these figures reliable")
    counts = Counter(one.label for one in unlocks)
    few = sum(number < _FEW for number in counts.values())
    lines.append(f"{len(counts)} modes have labels; {few} of them fewer than {_FEW}")
    return "\n".join(lines)
