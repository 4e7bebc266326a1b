"""Arrivals from a CSV file: the first column of each line is one."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from fleet_sim.customers.arrivals import TimesFile
from fleet_wire.arrivals import Times
from fleet_wire.errors import ConfigError
from fleet_wire.quantities import LONGEST_S

MAX_BYTES = 100_000_000
EXPECTED = "expected seconds, or a date and time such as 2026-03-02T07:15:00"


def read_times(stage: TimesFile, directory: Path) -> Times:
    """Return the stage that a file stands for; its path counts from `directory`.

    A first line that is neither a number nor a date is a heading. Raises `ConfigError` with file
    and line.
    """
    path = directory / stage.path
    times: list[tuple[float, bool]] = []
    for number, (line, text) in enumerate(_first_column(path)):
        time = _time(text)
        if time is not None:
            times.append(time)
        elif number:
            raise ConfigError([f"{path}:{line}: {text!r}: {EXPECTED}"])
    if not times:
        raise ConfigError([f"{path}: no times; {EXPECTED} in the first column"])
    return _stage(stage, path, times)


def _stage(stage: TimesFile, path: Path, times: list[tuple[float, bool]]) -> Times:
    if len({is_date for _, is_date in times}) > 1:
        raise ConfigError([f"{path}: some are seconds and some are dates; expected one kind"])
    begins = min(time for time, _ in times) if times[0][1] else 0.0
    at_s = sorted(time - begins for time, _ in times)
    if at_s[0] < 0 or at_s[-1] > LONGEST_S:
        raise ConfigError([f"{path}: times from {at_s[0]:g} to {at_s[-1]:g} s; expected 0 or more"])
    return Times(at_s=at_s, duration_s=stage.duration_s or at_s[-1] + 1.0)


def _first_column(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the number and the first column of each line that is not empty."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ConfigError([f"{path}: larger than {MAX_BYTES} bytes"])
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            for row in reader:
                if row and row[0].strip():
                    yield reader.line_num, row[0].strip()
    except OSError as error:
        raise ConfigError([f"{path}: {error.strerror}"]) from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise ConfigError([f"{path}: no CSV file: {error}"]) from None


def _time(text: str) -> tuple[float, bool] | None:
    """Return seconds, and whether they are a date's; None where it is neither."""
    try:
        seconds = float(text)
    except ValueError:
        pass
    else:
        return (seconds, False) if abs(seconds) < float("inf") else None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp(), True
