"""The command `fleet-sim shrink`."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.text import Text

from fleet_sim.commands.options import choose_seed, scenario_argument, seed_option, set_option
from fleet_sim.results import readable
from fleet_sim.results.expectations import Condition, known_keys
from fleet_sim.runs.source_digest import versions
from fleet_sim.scenario.form import Scenario
from fleet_sim.scenario.loading import document_of, scenario_of
from fleet_sim.sweeps.point import PointRecord, Task, run_task
from fleet_sim.sweeps.shrink import Smaller, Values, shrunk
from fleet_wire.command_line import INTERRUPTED
from fleet_wire.config.file import Document, yaml_text
from fleet_wire.error_text import suggestion
from fleet_wire.errors import ConfigError, UnlockpathError
from fleet_wire.profiles.loading import NAMES

CAUSES = "attempts.by_cause."
TOUCHED = "injected.touched.by_cause."
_ONCE = Condition(min=1)


class _EnoughRunsError(Exception):
    """The allowed number of runs is reached."""


@click.command()
@scenario_argument
@click.option(
    "--keep",
    "keeps",
    multiple=True,
    metavar="KEY",
    help="A number of summary.json that must stay above 0, for example"
    " attempts.by_cause.result_lost. May be given several times. Default: every cause that SCENARIO"
    " shows; where its faults touched none, what it expects and would not be so without them.",
)
@seed_option
@set_option
@click.option(
    "--max-runs",
    type=click.IntRange(min=1),
    default=500,
    show_default=True,
    help="Stop after so many runs, with what is the smallest by then.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The smaller scenario. Default: NAME.small.yaml, here.",
)
def shrink(
    *,
    scenario: Path,
    keeps: tuple[str, ...],
    seed: int | None,
    overrides: tuple[str, ...],
    max_runs: int,
    out: Path | None,
) -> None:
    """Make SCENARIO smaller for as long as cars do not open in the same ways.

    Takes away faults, groups, stages, cars, time and keys, one after the other, and runs what is
    left in virtual time with the same seed. A reduction stays if every cause still shows. The
    result expects these causes itself, of unlocks that a fault hit if one did. So it is a test that
    fails without the fault.

    Ctrl-C ends the search and writes the smallest scenario so far.

    \b
    fleet-sim shrink scenarios/carrier_outage.yaml
    fleet-sim shrink scenarios/morning_rush.yaml --keep attempts.by_cause.box_asleep
    """  # noqa: D301 - click's own escape
    place = out or Path(f"{scenario.stem}.small.yaml")
    document, whole = _load_whole(scenario, overrides)
    if place.resolve() == scenario.resolve():
        raise ConfigError([f"--out {place}: is SCENARIO itself; choose another file"])
    console = Console()
    search = _Search(document, choose_seed(seed, whole), max_runs, lambda text: _say(console, text))
    smallest, has_ended = search.run(_checked_keys(keeps))
    _write(place, smallest)
    _say(console, f"{_size(whole)} -> {_size(search.scenario(smallest))}: {place}")
    if not has_ended:
        sys.exit(INTERRUPTED)


def _load_whole(scenario: Path, overrides: Sequence[str]) -> tuple[Document, Scenario]:
    """Return the scenario, and its document with the files that it names under full paths."""
    document = document_of(scenario, overrides)
    whole = scenario_of(document)
    if whole.fleet.profile not in NAMES:
        document = document.with_value(("fleet", "profile"), whole.fleet.profile, "its profile")
    stages = (document.values.get("customers") or {}).get("stages", ())
    for index, stage in enumerate(stages):
        if "path" in stage:
            path = str((scenario.parent / stage["path"]).resolve())
            at = ("customers", "stages", index, "path")
            document = document.with_value(at, path, "its times")
    return document, whole


def _checked_keys(keeps: Sequence[str]) -> tuple[str, ...]:
    known = known_keys()
    problems = [
        f"--keep {key}: no such key in summary.json{suggestion(key, known)}"
        for key in keeps
        if key not in known
    ]
    if problems:
        raise ConfigError(problems)
    return tuple(keeps)


class _Search:
    """The runs of one search."""

    def __init__(
        self, document: Document, seed: int, max_runs: int, say: Callable[[str], None]
    ) -> None:
        self._document = document
        self._seed = seed
        self._max_runs = max_runs
        self._say = say
        self._keeps: dict[str, Condition] = {}
        self._runs = 0

    def run(self, keeps: tuple[str, ...]) -> tuple[Values, bool]:
        """Return the smallest scenario, and whether the search went to its end.

        Raises `ConfigError` where the whole scenario does not show what is to be kept.
        """
        whole = {key: value for key, value in self._document.values.items() if key != "expect"}
        record = self._record(whole)
        if record.error is not None:
            raise UnlockpathError(f"the run of the whole scenario failed: {record.error}")
        self._keeps = dict.fromkeys(keeps, _ONCE) or self._conditions_to_keep(whole, record)
        if not self._keeps:
            raise ConfigError(["every unlock went well: name what is to be kept with --keep KEY"])
        if missing := [key for key in keeps if not record.measured.get(key)]:
            raise ConfigError([f"--keep {key}: is 0 in the whole scenario" for key in missing])
        self._say(f"keeps {', '.join(self._keeps)}")
        smallest, has_ended = whole, True

        def on_smaller(step: Smaller) -> None:
            nonlocal smallest
            smallest = step.values
            self._say(f"run {self._runs}: {step.what}: {_size(self.scenario(smallest))}")

        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            shrunk(whole, self._still_shows, on_smaller)
        except _EnoughRunsError:
            self._say(f"stopped after {readable.number_of(self._runs, 'run')}")
        except KeyboardInterrupt:
            has_ended = False
        expect = {
            key: {name: _plain(bound) for name, bound in condition if bound is not None}
            for key, condition in self._keeps.items()
        }
        return {**smallest, "seed": self._seed, "expect": expect}, has_ended

    def _conditions_to_keep(self, whole: Values, record: PointRecord) -> dict[str, Condition]:
        """Return the conditions that the whole scenario shows: its causes, or else its `expect`.

        A cause of unlocks that a fault hit is expected of those unlocks: without the fault there
        are none.
        """
        measured = record.measured
        causes = [key.removeprefix(CAUSES) for key in measured if key.startswith(CAUSES)]
        touched = [f"{TOUCHED}{cause}" for cause in causes if measured.get(f"{TOUCHED}{cause}")]
        others = [
            f"{CAUSES}{cause}"
            for cause in causes
            if measured[f"{CAUSES}{cause}"] and f"{TOUCHED}{cause}" not in touched
        ]
        kept = dict.fromkeys((*touched, *others), _ONCE)
        if touched:
            return kept
        held = {
            key: condition
            for key, condition in self.scenario(self._document.values).expect.items()
            if condition.holds(measured.get(key))
        }
        return kept | self._needing_faults(whole, held)

    def _needing_faults(self, whole: Values, held: Mapping[str, Condition]) -> dict[str, Condition]:
        """Return which expectations need the faults; without any fault, what is to be seen once."""
        if not whole.get("faults"):
            return {key: _ONCE for key, condition in held.items() if condition.min}
        plain = {key: value for key, value in whole.items() if key != "faults"}
        without = self._record(plain).measured
        return {
            key: _weakest_condition(condition, without.get(key))
            for key, condition in held.items()
            if not condition.holds(without.get(key))
        }

    def scenario(self, values: Values) -> Scenario:
        """Return the scenario of plain values; raises `ConfigError`."""
        return scenario_of(Document(self._document.path, values, {}))

    def _still_shows(self, values: Values) -> bool:
        try:
            self.scenario(values)
        except ConfigError:
            return False  # the rest is no scenario
        if self._runs >= self._max_runs:
            raise _EnoughRunsError
        record = self._record(values)
        return record.error is None and all(
            condition.holds(record.measured.get(key)) for key, condition in self._keeps.items()
        )

    def _record(self, values: Values) -> PointRecord:
        self._runs += 1
        task = Task(
            setting={},
            seed=self._seed,
            scenario_name=self._document.path.name,
            scenario_text=yaml_text(values),
            versions=versions(),
        )
        return msgspec.json.decode(run_task(task), type=PointRecord)


def _weakest_condition(condition: Condition, without: float | None) -> Condition:
    """Return the weakest of a condition that still needs the faults: of a count one more."""
    if condition.max is not None and condition.max < (without or 0):
        return Condition(max=condition.max)
    is_count = (condition.min or 0) >= 1 and not isinstance(without, float)
    return Condition(min=(without or 0) + 1) if is_count else condition


def _plain(bound: Any) -> Any:
    """Return a bound as people write it: 1, not 1.0."""
    return int(bound) if isinstance(bound, float) and bound.is_integer() else bound


def _size(scenario: Scenario) -> str:
    parts = [
        readable.number_of(scenario.fleet.count, "car"),
        readable.number_of(len(scenario.faults), "fault"),
        f"{scenario.load_duration_s:g} s",
    ]
    return ", ".join(parts)


def _write(place: Path, values: Values) -> None:
    try:
        place.write_text(yaml_text(values), encoding="utf-8")
    except OSError as error:
        raise UnlockpathError(f"--out {place}: {error.strerror}") from None


def _say(console: Console, text: str) -> None:
    console.print(Text(text), soft_wrap=True)
