"""The latency test on the Numenta Anomaly Benchmark: `python -m bench.detection.nab DIRECTORY`.

DIRECTORY is a checkout of https://github.com/numenta/NAB: its corpus, its labels, its profiles and
its scorer (`nab/sweeper.py`, which needs nothing else) are used as they are. A row of a file is
taken for an unlock of a car of its own, every three seconds, whose answer takes one second at the
middle of the rows that NAB does not score, and a second more for each span from the first to the
last tenth of them. An anomaly is a row at which a `latency` incident is opened or opened again.
Nothing is tuned: the limits are those of the monitor, and all files have the same.

The test looks upwards alone, and for what lasts, so it cannot find a dip or a single spike.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import json
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from bench.detection.town import EPOCH_S
from bench.detection.watching import TurnedTime
from fleet_wire.contract.attempt import Attempt, PlatformSide, Source, Stage
from fleet_wire.contract.causes import Outcome
from fleet_wire.contract.incident import ChangeKind, Incident, IncidentKind
from platform_probe.cars.fleet import Fleet
from platform_probe.cars.state import CarState
from platform_probe.judge.alerting import Alerting

EVERY_S: Final = 3.0
UNSCORED: Final = 0.15
"""NAB's probationary part: nothing in it is scored, and a detector may learn from it."""
UNSCORED_MOST: Final = 750
THRESHOLD: Final = 0.5
"""A row has 1 or 0."""
WITHOUT: Final = "null"
"""NAB's detector that finds nothing: the zero of its scale."""


def main() -> None:
    """Score the corpus, and print ours beside what NAB publishes."""
    parser = argparse.ArgumentParser(prog="python -m bench.detection.nab", description=__doc__)
    parser.add_argument("directory", type=Path, help="a checkout of numenta/NAB")
    parser.add_argument("--json", type=Path, help="write the figures there")
    arguments = parser.parse_args()
    if not (arguments.directory / "nab" / "sweeper.py").is_file():
        sys.exit(f"{arguments.directory}: no checkout of https://github.com/numenta/NAB")
    found = scores_of(arguments.directory)
    print(f"{'detector':22}{'standard':>10}{'low FP':>10}{'low FN':>10}")
    profiles = ("standard", "reward_low_FP_rate", "reward_low_FN_rate")
    rows = {"unlockpath (latency)": found["score"], **found["published"]}
    for name, row in sorted(rows.items(), key=lambda item: -item[1]["standard"]):
        print(f"{name:22}" + "".join(f"{row[profile]:10.1f}" for profile in profiles))
    print(f"{found['files']} files, {found['windows']} anomalies, {found['found']} found,", end=" ")
    print(f"{found['false']} rows false; by folder: {found['by_folder']}")
    if arguments.json is not None:
        arguments.json.write_text(json.dumps({"nab": found}, indent=1) + "\n", encoding="utf-8")


def scores_of(directory: Path) -> dict[str, Any]:
    """Return NAB's scores of the latency test, by profile, and what NAB publishes of others."""
    sweeper = _sweeper(directory / "nab" / "sweeper.py")
    windows = _json(directory / "labels" / "combined_windows.json")
    profiles = _json(directory / "config" / "profiles.json")
    files = {name: _rows(directory / "data" / name) for name in sorted(windows)}
    alarms = {name: alarms_of([value for _, value in rows]) for name, rows in files.items()}
    score: dict[str, float] = {}
    by_folder: dict[str, str] = {}
    found = false = 0
    for profile, its in profiles.items():
        raw = nothing = 0.0
        for name, rows in files.items():
            limits = [(_time(since), _time(until)) for since, until in windows[name]]
            sweep = sweeper.Sweeper(UNSCORED, its["CostMatrix"])
            times = [at for at, _ in rows]
            points = sweep.calcSweepScore(times, alarms[name], limits, name)
            steps = sweep.calcScoreByThreshold(points)
            nothing += steps[0].score
            raw += next(each for each in reversed(steps) if each.threshold > THRESHOLD).score
            if profile != "standard":
                continue
            hits = {each.windowName for each in points if each.anomalyScore}
            hits -= {None, "probationary"}
            wrong = sum(bool(each.anomalyScore) and each.windowName is None for each in points)
            found, false = found + len(hits), false + wrong
            folder = name.partition("/")[0]
            before = by_folder.get(folder, "0 of 0").split(" of ")
            by_folder[folder] = f"{int(before[0]) + len(hits)} of {int(before[1]) + len(limits)}"
        perfect = sum(map(len, windows.values())) * its["CostMatrix"]["tpWeight"]
        score[profile] = round(100.0 * (raw - nothing) / (perfect - nothing), 2)
    return {
        "score": score,
        "published": _json(directory / "results" / "final_results.json"),
        "files": len(files),
        "windows": sum(map(len, windows.values())),
        "found": found,
        "false": false,
        "by_folder": by_folder,
    }


def alarms_of(values: Sequence[float]) -> list[float]:
    """Return 1 for each value at which the monitor opens an incident about latency, else 0."""
    unscored = sorted(values[: max(min(int(UNSCORED * len(values)), UNSCORED_MOST), 10)])
    middle = unscored[len(unscored) // 2]
    span = unscored[len(unscored) * 9 // 10] - unscored[len(unscored) // 10] or abs(middle) or 1.0
    time, told = TurnedTime(), list[Incident]()
    alerting = time.drive(
        Alerting(clock=time, tell=told.append, name="nab", cars=Fleet(CarState, most=1))
    )
    alarms, seen = [], 0
    for number, value in enumerate(values):
        answer_s = max(1.0 + (value - middle) / span, 0.0)
        attempt = _unlock(number, answer_s)
        time.go_to(number * EVERY_S)
        alerting.record(attempt)
        is_alarm = any(
            one.kind is IncidentKind.LATENCY
            and one.changes[-1].kind in (ChangeKind.OPENED, ChangeKind.REOPENED)
            for one in told[seen:]
        )
        seen = len(told)
        alarms.append(float(is_alarm))
    alerting.tick()
    return alarms


def _unlock(number: int, answer_s: float) -> Attempt:
    return Attempt(
        attempt_id=f"a{number}",
        command_id=None,
        vehicle_id=f"car-{number}",
        trace_id=f"a{number}",
        source=Source.PROBE,
        started_at=EPOCH_S + number * EVERY_S,
        scheduled_s=number * EVERY_S,
        outcome=Outcome.OK,
        cause=None,
        total_s=0.0,  # all are known at once, however slow
        stages={},
        hops_s={Stage.API_ANSWERED.value: answer_s},
        platform=PlatformSide(status=200),
    )


def _sweeper(path: Path) -> ModuleType:
    """Load NAB's scorer."""
    spec = importlib.util.spec_from_file_location("nab_sweeper", path)
    if spec is None or spec.loader is None:
        sys.exit(f"{path}: cannot be read")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _rows(path: Path) -> list[tuple[datetime, float]]:
    with path.open(encoding="utf-8", newline="") as file:
        return [(_time(row["timestamp"]), float(row["value"])) for row in csv.DictReader(file)]


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


if __name__ == "__main__":
    main()
