"""What is made of the runs of a sweep, in the text file of this folder."""

from __future__ import annotations

import shutil
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import msgspec

from fleet_sim.sweeps.plots import sweep_plots
from fleet_sim.sweeps.point import PointRecord
from fleet_sim.sweeps.report import worst_first, write_sweep_report
from fleet_sim.sweeps.settings import Setting, spread_words
from fleet_sim.sweeps.table import make_table
from tests.helpers.browser import found_on
from tests.helpers.sweeps import plan, record
from tests.helpers.transcripts import DETAIL, Teller, stories_test


@dataclass
class SweepPlayer(Teller):
    """A sweep of the small scenario.

    `run SEED SHARE KEY=VALUE...` is a run of which that share of unlocks opened. `p95_s`, `error`,
    `measured="KEY VALUE"` and `expects=KEY` say more of it. `plots` shows what is drawn, `page`
    what matches in the text of the report, or its `html`, `worst` the seeds of the worst runs,
    `spread KEY` a measurement over all, and `table COLUMN...` columns.
    """

    home: Path = field(default_factory=lambda: Path(mkdtemp(prefix="sweep-")))
    records: list[PointRecord] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Remove the files with the player."""
        weakref.finalize(self, shutil.rmtree, self.home)

    def _do_run(
        self,
        seed: int,
        share: float,
        *,
        p95_s: float | None = 3.0,
        error: str | None = None,
        measured: str = "",
        expects: str = "",
        **setting: object,
    ) -> None:
        pairs = [measured.split(" ")] if measured else []
        made = record(
            seed,
            share,
            p95_s=p95_s,
            error=error,
            measured={key: float(value) for key, value in pairs},
            **{key: str(value) for key, value in setting.items()},
        )
        if expects:
            verdict = {"key": expects, "condition": {"min": 0.5}, "holds": True}
            made = msgspec.structs.replace(made, expect=[verdict])
        self.records.append(made)

    def _settings(self) -> list[Setting]:
        settings: dict[str, Setting] = {}
        for one in self.records:
            key = str(one.setting)
            settings.setdefault(key, Setting(one.setting, [])).records.append(one)
        return [*settings.values()]

    def _do_plots(self, *names: str) -> None:
        for plot in sweep_plots(self._settings()):
            if not names or plot.name in names:
                self.told += [f"{plot.name}: {plot.title}", *_drawn(plot.as_json())]

    def _do_page(self, *patterns: str, html: str = "") -> None:
        values: dict[str, dict[str, None]] = {}
        for one in self.records:
            for key, value in one.setting.items():
                values.setdefault(key, {})[value] = None
        sets = [f"{key}={','.join(its)}" for key, its in values.items()]
        seeds = max(one.seed for one in self.records)
        report = write_sweep_report(self.home, plan(self.home, *sets, seeds=seeds), self.records)
        source = report.read_text("utf-8").replace(str(self.home), "HOME")
        self.told += found_on(source, patterns, html)

    def _do_worst(self) -> None:
        self.told.append(f"seeds {[one.seed for one in worst_first(self.records)]}")

    def _do_spread(self, key: str) -> None:
        self.told.append(spread_words(Setting({}, self.records), key))

    def _do_table(self, *columns: str) -> None:
        table = make_table(self.records)
        self.told += [f"{column}: {table[column]}" for column in columns or list(table)[:6]]


def _drawn(figure: str) -> Iterator[str]:
    """Yield what a figure draws, and what its axes say."""
    its: dict[str, Any] = msgspec.json.decode(figure)
    for trace in its["data"]:
        parts = [f"{key} {_short(trace[key])}" for key in ("x", "y", "z", "text") if trace.get(key)]
        yield f"{DETAIL}{trace['type']}: {', '.join(parts)}"
    for shape in its["layout"].get("shapes", ()):
        yield f"{DETAIL}line at {_short(shape['y0'])}"
    for name in ("xaxis", "yaxis"):
        axis = its["layout"].get(name, {})
        ticks, title = axis.get("ticktext"), axis.get("title", {}).get("text")
        if ticks or title:
            yield f"{DETAIL}{name} {title}: {ticks}"


def _short(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_short, value))}]"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


test_stories = stories_test(__file__, SweepPlayer)
