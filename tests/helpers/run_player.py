"""Plays transcripts of runs: what stands in the files of one, and what is read from them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from io import StringIO
from pathlib import Path
from typing import Any, Final

import msgspec
from rich.console import Console

from bench.score.incidents import TWO_TOPICS
from fleet_sim.results.fleet_parts import FleetParts
from fleet_sim.results.report import write_report
from fleet_sim.results.summary import LOST_BOXES, summarize
from fleet_sim.runs import conclude
from fleet_sim.runs.closing_tables import print_summary
from fleet_sim.runs.directory import RunDirectory
from fleet_wire.contract.attempt import Flag, PlatformSide, Source
from fleet_wire.contract.causes import Cause
from fleet_wire.contract.diagnosis import RankedMode
from tests.helpers import sweeps
from tests.helpers.browser import found_on
from tests.helpers.commands import SCENARIO
from tests.helpers.diagnoses import diagnosis_of
from tests.helpers.own_commands import said_here
from tests.helpers.records import COMPLAINT
from tests.helpers.sample_run import (
    SCENARIO_TEXT,
    SampleRun,
    make_attempt,
    sample_facts,
    write_sample_run,
)
from tests.helpers.transcripts import TellerAtHome

_FILES: Final = {
    "customer": "customers.jsonl",
    "fault": conclude.GROUND_TRUTH,
    "hit": conclude.GROUND_TRUTH,
    "incident": "incidents.jsonl",
    "lost": LOST_BOXES,
    "phone": "platform.jsonl",
    "safety": conclude.SAFETY,
    "stray": "stray_answers.jsonl",
}
_COMMON: Final[dict[str, dict[str, Any]]] = {
    "fault": {"type": "injection", "vehicles": [], "seen": "something"},
    "hit": {"type": "hit", "injection": 0, "fault": "f", "vehicle_id": "car-1", "what": "w"},
    "incident": {"kind": "failures", "severity": "warning", "state": "open"},
    "lost": {"process": 1, "processes": 2},
    "phone": {"operation": "unlock", "request_id": "r1"},
    "stray": {"kind": "late", "command_id": "c", "phase": "executed", "at": 1.0},
}
TEXTS: Final = {"TWO_TOPICS": TWO_TOPICS, "QUICK_CARS": SCENARIO, "GARAGE": sweeps.SCENARIO}
"""A profile of a command and its result, and two small scenarios."""
_LISTS: Final = ("attempts", "faults", "vehicles")
_AS_IN_FILES: Final = {"car": "vehicle_id", "command": "command_id", "customer": "customer_id"}


@dataclass
class RunPlayer(TellerAtHome):
    """The files of runs, and who reads them.

    `run NAME` begins another run; the first is called `run`. `unlock [COUNT] [CAUSE]` are unlocks
    that ended so, with fields of their record. `customer`, `fault`, `hit`, `incident`, `lost`,
    `phone` (the platform's log), `safety` and `stray` are lines of their files. `group NAME` has
    the cars NAME-1, NAME-2, .... `fact NAME VALUE` says what only the owner of a run knows, and
    `set KEY VALUE` changes the summary. `sample` makes a whole run of a thousand cars.

    `show KEY...` shows entries of the summary that are not 0, `tables [PATTERN]` lines of the
    closing tables, `page PATTERN` what matches in the text of the report, or its `html`. `touched`
    shows what the ground truth names. `run_command "WORDS" [PATTERN]` runs `fleet-sim`, where
    `HOME` is the folder of the runs, and of each `file`. In its text a name of `TEXTS` stands for
    one of them, and `but="THIS -> THAT"` changes it.
    """

    directory: Path = field(init=False)
    _number: int = 0
    """Unlocks of the run so far."""

    def __post_init__(self) -> None:
        """Begin the first run."""
        super().__post_init__()
        self._do_run("run")

    def verbs(self) -> Mapping[str, Callable[..., object]]:
        """Return the function of each verb."""
        return {
            **super().verbs(),
            **{name: self._line_of(name) for name in _FILES},
            "fact": self._facts.__setitem__,
            "manifest": self._manifest.update,
            "set": self._changes.__setitem__,
            "text": lambda name, text: self._append(name, text.encode()),
        }

    def _do_run(self, name: str) -> None:
        """Write the summary of the run before, and begin another."""
        if self._number:
            self._summary()
        self.directory = self.home / name
        self.directory.mkdir()
        self._number = 0
        self._facts: dict[str, Any] = {}
        self._changes: dict[str, Any] = {}
        self._manifest: dict[str, Any] = {}
        self._groups: dict[str, dict[str, str]] = {}

    def _do_stats(self, text: str) -> None:
        (self.directory / "probe_stats.json").write_text(text, encoding="utf-8")

    def _append(self, name: str, line: bytes) -> None:
        with (self.directory / name).open("ab") as file:
            file.write(line + b"\n")

    def _line_of(self, kind: str) -> Callable[..., None]:
        def add(**said: Any) -> None:
            its = {_AS_IN_FILES.get(name, name): value for name, value in said.items()}
            for name in its.keys() & {*_LISTS}:
                its[name] = _words(its[name])
            self._append(_FILES[kind], msgspec.json.encode(_COMMON.get(kind, {}) | its))

        return add

    def _do_unlock(self, count: int = 1, cause: str | None = None, **said: Any) -> None:
        for _ in range(count):
            self._number += 1
            made = make_attempt(
                said.get("number", self._number),
                at_s=said.get("at_s", 0.0),
                cause=None if cause is None else Cause(cause),
                vehicle_id=said.get("car", "car-1"),
            )
            its = {name: value for name, value in said.items() if name in made.__struct_fields__}
            if "flags" in its:
                its["flags"] = tuple(Flag(one) for one in _words(its["flags"]))
            if "source" in its:
                its["source"] = Source(its["source"])
            if "customer" in said:
                its["platform"] = PlatformSide(account_id=said["customer"])
            made = msgspec.structs.replace(made, **its)
            is_floor = made.source is Source.FLOOR and not said.get("misplaced")
            name = "floor" if is_floor else "attempts"
            self._append(f"{name}.jsonl", msgspec.json.encode(made))

    def _do_diagnosed(self, attempt: str, *modes: str, revision: int = 1) -> None:
        ranked = (RankedMode(mode, 0.9 - place / 10) for place, mode in enumerate(modes))
        made = diagnosis_of(*ranked, attempt_id=attempt, revision=revision)
        self._append("diagnoses.jsonl", msgspec.json.encode(made))

    def _do_call(self, complaint_id: str, attempts: str = "", **said: Any) -> None:
        its = {"complaint_id": complaint_id, "attempts": tuple(_words(attempts)), **said}
        call = msgspec.structs.replace(COMPLAINT, **its)
        self._append(conclude.COMPLAINTS, msgspec.json.encode(call))

    def _do_group(self, name: str, **labels: str) -> None:
        common = {"firmware": "1", "region": "north", "operator": name[0]}
        self._groups[name] = {"group": name, **common, **labels}

    def _do_sample(self, **options: Any) -> None:
        write_sample_run(self.directory, SampleRun(**options))

    def _summary(self) -> dict[str, Any]:
        """Return the summary of the run, which is written with its manifest."""
        names = [*self._groups]
        places = {name: place for place, name in enumerate(names)}
        fleet = FleetParts(
            [self._groups[name] for name in names],
            lambda vehicle_id: places.get(vehicle_id.rpartition("-")[0]),
        )
        summary = summarize(self.directory, replace(sample_facts(), **self._facts), fleet)
        for key, value in self._changes.items():
            place, *path = reversed(key.split("."))
            within = summary
            for name in reversed(path):
                within = within[name]
            within[place] = msgspec.json.decode(value) if isinstance(value, str) else value
        for name, content in (("summary", summary), ("manifest", self._manifest)):
            file = self.directory / f"{name}.json"
            if name == "summary" or not file.exists():
                file.write_bytes(msgspec.json.encode(content))
        return summary

    def _do_show(self, *keys: str) -> None:
        summary = self._summary()
        self.told += [f"{key}: {_shown(_at(summary, key))}" for key in keys]

    def _do_tables(self, pattern: str = "") -> None:
        console = Console(file=StringIO(), width=120)
        print_summary(self._summary(), console)
        assert isinstance(console.file, StringIO)
        lines = (" ".join(line.split()) for line in console.file.getvalue().splitlines())
        self.told += [line for line in lines if line and re.search(pattern, line)]

    def _do_page(self, *patterns: str, html: str = "") -> None:
        report = write_report(self.directory, self._summary(), SCENARIO_TEXT)
        self.told += found_on(report.read_text("utf-8"), patterns, html)

    def _do_touched(self) -> None:
        conclude.name_touched_attempts(RunDirectory(self.directory))
        for line in (self.directory / conclude.GROUND_TRUTH).read_bytes().splitlines():
            its = msgspec.json.decode(line)
            ids = [*its["attempts"], *its.get("complaints", ())]
            self.told.append(f"{its['type']} of {its['fault']}: {', '.join(ids) or 'nothing'}")

    def _do_file(self, name: str, text: str, *, but: str = "") -> None:
        """Write a file; a backslash and an n end a line."""
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        for word, content in TEXTS.items():
            text = text.replace(word, content)
        this, _, that = but.partition(" -> ")
        text = text.replace("\\n", "\n").replace(this, that) if but else text.replace("\\n", "\n")
        path.write_text(f"{text}\n", encoding="utf-8")

    def _do_run_command(self, command: str, pattern: str = "") -> None:
        """Run a command, and show its exit code unless it is 0, and the lines that match."""
        if self._number:
            self._summary()
        self.told += said_here("fleet_sim", command, self.home, pattern)


def _words(text: object) -> list[str]:
    return [one for one in str(text).split(",") if one]


def _at(values: Any, key: str) -> Any:
    """Return what stands at a dotted key; the names of parts may hold dots."""
    while key:
        fits = (name for name in values if f"{key}.".startswith(f"{name}."))
        name = max(fits, key=len)
        values, key = values[name], key[len(name) + 1 :]
    return values


def _shown(value: Any) -> str:
    """Return a value in words: of a mapping what is not 0, of a list each entry."""
    if isinstance(value, Mapping):
        entries = [f"{key} {_shown(its)}" for key, its in value.items() if its not in (0, [], {})]
        return ", ".join(entries) or "-"
    if isinstance(value, list):
        return "; ".join(map(_shown, value)) or "-"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
