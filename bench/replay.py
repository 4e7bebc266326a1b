"""What it takes to judge a day anew, on one core: `python -m bench.replay [--hours N] [--cars N]`.

Writes the journal of a day into a store, as a monitor would have, and replays a quarter of it, and
all of it. Prints how large the journal is, and the time and the memory of each replay.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from bench.results import aligned
from bench.store.lines import BEGIN_UNIX_S, attempt_lines, car_id
from fleet_wire.contract.attempt import Attempt
from fleet_wire.contract.causes import Outcome
from fleet_wire.contract.messages import (
    Phase,
    Presence,
    PresenceStatus,
    Result,
    Telemetry,
    VehicleState,
)
from fleet_wire.contract.platform_log import PlatformEvent, PlatformStep
from fleet_wire.contract.topics import TopicKind
from platform_probe.journal.codec import line_of
from platform_probe.journal.entries import (
    CarMessage,
    Entry,
    MonitorStarted,
    PlatformLine,
    RecordWritten,
    Tick,
)
from platform_probe.journal.segments import COMPLETE, SEGMENT_BYTES, segment_path
from platform_probe.store.journal import pack_journal, packed_segments
from platform_probe.store.layout import make_store

HOUR_S: Final = 3600
BEAT_EVERY_S: Final = 60
MIB: Final = 2**20
STEPS: Final = (PlatformStep.REQUESTED, PlatformStep.ANSWERED, PlatformStep.ACCEPTED)
OPERATORS: Final = 4
REGIONS: Final = 19


class DayPlan(NamedTuple):
    """How much is written and replayed."""

    hours: float = 24.0
    cars: int = 10_000
    unlocks_a_hour: int = 3_600


class Replay(NamedTuple):
    """What a replay took."""

    hours: float
    entries: int
    took_s: float
    cpu_s: float
    peak_mib: float


class DayMeasured(NamedTuple):
    """What was measured."""

    journal_mib: float
    """As it was written."""
    packed_mib: float
    """As the store keeps it."""
    replays: list[Replay]


def measure_day(plan: DayPlan) -> DayMeasured:
    """Write the journal of a day, and replay a quarter of it and all of it."""
    with tempfile.TemporaryDirectory(prefix="bench-replay-") as name:
        store = Path(name) / "store"
        make_store(store)
        written = _write_journal(Path(name) / "journal", store, plan)
        packed = sum(each.path.stat().st_size for each in packed_segments(store))
        replays = [_replay(store, hours) for hours in (plan.hours / 4, plan.hours)]
    return DayMeasured(written / MIB, packed / MIB, replays)


def render_day(measured: DayMeasured) -> str:
    """Return what was measured as text."""
    rows = [["hours", "entries", "took s", "CPU s", "us an entry", "peak MiB"]]
    rows += [
        [
            f"{one.hours:g}", f"{one.entries:,}", f"{one.took_s:.0f}", f"{one.cpu_s:.0f}",
            f"{one.cpu_s / one.entries * 1e6:.1f}", f"{one.peak_mib:.0f}",
        ]
        for one in measured.replays
    ]  # fmt: skip
    head = f"journal: {measured.journal_mib:,.0f} MiB, in the store {measured.packed_mib:,.0f} MiB"
    return f"{head}\n{aligned(rows)}"


def _replay(store: Path, hours: float) -> Replay:
    """Replay the first hours in a process of its own, on one core."""
    end = datetime.fromtimestamp(BEGIN_UNIX_S + hours * HOUR_S, UTC)
    command = (
        *(sys.executable, "-m", "platform_probe", "judge", "--json"),
        *("--replay", str(store), "--until", f"{end:%Y-%m-%d %H:%M:%S}"),
    )
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})  # for the child
    began_s = time.monotonic()
    try:
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None  # noqa: S101 - it is a pipe
            said = process.stdout.read()
            _, _, used = os.wait4(process.pid, 0)
    finally:
        os.sched_setaffinity(0, cores)
    entries = msgspec.json.decode(said)["entries"]
    took_s = time.monotonic() - began_s
    return Replay(hours, entries, took_s, used.ru_utime + used.ru_stime, _mib(used))


def _mib(used: resource.struct_rusage) -> float:
    return used.ru_maxrss / 1024


def _write_journal(journal: Path, store: Path, plan: DayPlan) -> int:
    """Write the journal as a monitor does, a segment after the other; return how many bytes."""
    journal.mkdir()
    lines: list[bytes] = []
    number, size, written = 1, 0, 0
    for entry in chain(_entries(plan), (None,)):
        if entry is not None:
            lines.append(line_of(entry))
            size += len(lines[-1])
        if size >= SEGMENT_BYTES or entry is None:
            path = segment_path(journal, number, COMPLETE)
            path.write_bytes(b"".join(lines))
            pack_journal(journal, store)
            path.unlink()
            number, written, size = number + 1, written + size, 0
            lines.clear()
    return written


def _entries(plan: DayPlan) -> Iterator[Entry]:
    """Yield the entries of a fleet with a heartbeat a minute; three unlocks in a hundred fail."""
    began_s, total_s = BEGIN_UNIX_S, round(plan.hours * HOUR_S)
    yield MonitorStarted(began_s, began_s)
    for number in range(plan.cars):
        online = Presence(PresenceStatus.ONLINE, f"session-{number}")
        yield CarMessage(began_s, TopicKind.PRESENCE, car_id(number), online, is_retained=True)
        yield CarMessage(began_s, TopicKind.STATE, car_id(number), _state(number), is_retained=True)
    decode = msgspec.json.Decoder(Attempt).decode
    unlocks = attempt_lines(
        round(plan.unlocks_a_hour * plan.hours), cars=plan.cars, seed=1, duration_s=total_s
    )
    coming = next(unlocks, None)
    for second in range(total_s):
        at = began_s + second
        yield Tick(at, at)
        for number in range(second % BEAT_EVERY_S, plan.cars, BEAT_EVERY_S):
            beat = Telemetry(-80.5 - number % 20, 12.25, 3.0 + second % 7)
            yield CarMessage(at + number / plan.cars, TopicKind.TELEMETRY, car_id(number), beat)
        while coming is not None:
            attempt = decode(coming)
            if attempt.started_at >= at + 1:
                break
            yield from _unlock(attempt)
            coming = next(unlocks, None)


def _unlock(attempt: Attempt) -> Iterator[Entry]:
    """Yield what is heard of an unlock, all at the moment of its end."""
    at, car = attempt.started_at, attempt.vehicle_id
    for step in STEPS:
        yield PlatformLine(
            at,
            PlatformEvent(
                step, at, attempt.attempt_id, "unlock", trace_id=attempt.trace_id, vehicle_id=car,
                command_id=attempt.command_id, booking_id=attempt.booking_id,
            ),
        )  # fmt: skip
    if attempt.outcome is Outcome.OK and attempt.command_id is not None:
        for phase in (Phase.RECEIVED, Phase.EXECUTED):
            result = Result(attempt.command_id, phase)
            yield CarMessage(at, TopicKind.RESULT, car, result)
        yield CarMessage(at, TopicKind.STATE, car, _state(int(car.rpartition("-")[2])))
    yield RecordWritten(at, msgspec.structs.replace(attempt, started_at=at - attempt.total_s))


def _state(number: int) -> VehicleState:
    return VehicleState(
        is_locked=True, is_open=False, voltage_v=12.5, firmware="2.4.1", hardware="tcu-3",
        operator=f"operator-{number % OPERATORS}", region=f"region-{number % REGIONS}",
    )  # fmt: skip


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.replay", description=__doc__)
    parser.add_argument("--hours", type=float, default=DayPlan().hours)
    parser.add_argument("--cars", type=int, default=DayPlan().cars)
    parser.add_argument("--unlocks-a-hour", type=int, default=DayPlan().unlocks_a_hour)
    arguments = parser.parse_args()
    plan = DayPlan(arguments.hours, arguments.cars, arguments.unlocks_a_hour)
    print(render_day(measure_day(plan)))


if __name__ == "__main__":
    main()
