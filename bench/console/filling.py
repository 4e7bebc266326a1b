"""A store of as many unlocks as are wanted: one day is made by seed, the others are its copies.

Ids of a copy are hashes of those of the first day, so that none comes twice and files are as large
as real ones. Each unlock that failed has a diagnosis, each request a line of the platform's log,
each car a heartbeat an hour.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

from bench.store.lines import BEGIN_UNIX_S, attempt_lines
from platform_probe.store.duck import Duck, file_list
from platform_probe.store.keeper import _write, keep
from platform_probe.store.layout import make_store
from platform_probe.store.limits import Limits
from platform_probe.store.schema import (
    ATTEMPTS,
    DIAGNOSES,
    OBSERVATIONS,
    PLATFORM_EVENTS,
    Table,
    empty_rows,
    rows_of_lines,
)

CARS: Final = 10_000
DAY_S: Final = 86_400
HEARTBEAT_S: Final = 3_600
_IDS: Final = ("attempt_id", "command_id", "trace_id", "booking_id")
_MODES: Final = (
    """'[{"mode":"no_coverage_garage","probability":0.8},"""
    """{"mode":"half_open_tcp_nat","probability":0.1}]'"""
)
_FACTS: Final = """'[{"fact":"not_delivered","sentence":"the command was not delivered"}]'"""
_NO_LIMITS: Final = Limits(max_age_s=1e12, max_bytes=2**50)


def fill(directory: Path, unlocks: int, days: int) -> None:
    """Make a store with so many unlocks over so many days."""
    make_store(directory)
    with tempfile.TemporaryDirectory(prefix="bench-console-") as name:
        lines = Path(name) / "lines.jsonl"
        with lines.open("wb") as file:
            file.writelines(attempt_lines(unlocks // days, cars=CARS, seed=1))
        duck = Duck(threads=1, memory="2GB", spill=Path(name))
        duck.run(f"CREATE TABLE day AS {rows_of_lines(ATTEMPTS, file_list([lines]))}")
        for number in range(days):
            _put(duck, directory, ATTEMPTS, number, _attempts(number))
            _put(duck, directory, DIAGNOSES, number, _diagnoses(number))
            _put(duck, directory, PLATFORM_EVENTS, number, _events(number))
            _put(duck, directory, OBSERVATIONS, number, _heartbeats(number))
        duck.close()
    keep(directory, _NO_LIMITS)


def _put(duck: Duck, directory: Path, table: Table, number: int, rows: str) -> None:
    """Write rows as the keeper does: in order of cars and times, with the file of their ids."""
    whole = f"SELECT * FROM ({empty_rows(table)} UNION ALL BY NAME {rows})"
    order = f"{whole} ORDER BY vehicle_id, {table.time}"
    complete_at = int(BEGIN_UNIX_S) + DAY_S * (number + 1)
    _write(duck, directory, table, order, (number + 1, number + 1), complete_at)


def _attempts(number: int) -> str:
    ids = ", ".join(f"md5({name} || '{number}') AS {name}" for name in _IDS)
    return (
        f"SELECT * REPLACE ({ids}, started_at + to_days({number}) AS started_at,"
        f" scheduled_us + {number * DAY_S * 1_000_000}::BIGINT AS scheduled_us) FROM day"
    )


def _diagnoses(number: int) -> str:
    return (
        "SELECT vehicle_id, attempt_id, started_at + to_seconds(20) AS made_at, 1 AS revision,"
        " 20000000 AS after_us, booking_id, source, outcome, cause, 'no_coverage_garage' AS mode,"
        f" 0.8 AS probability, {_MODES} AS modes, {_FACTS} AS facts"
        f" FROM ({_attempts(number)}) WHERE cause IS NOT NULL"
    )


def _events(number: int) -> str:
    return (
        "SELECT vehicle_id, 'answered' AS event, started_at + to_microseconds(total_us) AS"
        " logged_at, 'unlock' AS operation, trace_id, booking_id, account_id, command_id,"
        f" endpoint, status, app_version, api_release FROM ({_attempts(number)})"
    )


def _heartbeats(number: int) -> str:
    return (
        "SELECT printf('car-%05d', car) AS vehicle_id, 'telemetry' AS kind, false AS is_retained,"
        f" make_timestamp({int(BEGIN_UNIX_S + number * DAY_S) * 1_000_000}::BIGINT"
        f" + beat * {HEARTBEAT_S} * 1000000::BIGINT) AS heard_at,"
        " 12.0 + (car + beat) % 10 / 20 AS voltage_v,"
        " -70.0 - (car + beat) % 30 AS signal_dbm"
        f" FROM range({CARS}) AS c(car), range({DAY_S // HEARTBEAT_S}) AS b(beat)"
    )
