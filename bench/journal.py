"""What the journal costs, on one core: `python -m bench.journal`.

Prints the CPU that an entry costs the process that measures, and the process that judges.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Final

from fleet_wire.contract.messages import Phase, Result, Telemetry, VehicleState
from fleet_wire.contract.topics import TopicKind
from fleet_wire.system_clock import SystemClock
from platform_probe.journal.feed import JournalFeed, JournalTime
from platform_probe.journal.reader import entries_in
from platform_probe.journal.writer import JournalWriter
from platform_probe.judge.judge import Judge
from platform_probe.judge.weights import shipped_ranking

ENTRIES: Final = 40_000
ROUNDS: Final = 7
TOGETHER: Final = 40
"""Entries of one turn of the event loop, which leave with one write: 4 ms of 10,000 a second."""
BEAT: Final = Telemetry(-80.5, 12.25, 3.0)
STATE: Final = VehicleState(
    is_locked=True, is_open=False, voltage_v=12.5, firmware="2.4.1", hardware="tcu-3",
    operator="operator-a", region="centre",
)  # fmt: skip
RESULT: Final = Result("command-1", Phase.EXECUTED)


def measure(entries: int = ENTRIES, rounds: int = ROUNDS) -> str:
    """Return the medians of both sides as lines, in microseconds of CPU an entry."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        written = [_write(directory / str(each), entries) for each in range(rounds)]
        judged = [_judge(directory / str(each), entries) for each in range(rounds)]
    return "\n".join(
        f"{what}: {statistics.median(found):.2f} us of CPU an entry"
        f" ({min(found):.2f} to {max(found):.2f})"
        for what, found in (("measuring", written), ("judging", judged))
    )


def _write(directory: Path, entries: int) -> float:
    clock = SystemClock()
    with JournalWriter(
        directory, max_bytes=2**40, max_age_s=1e9, soon=lambda _: None, on_lost=_fail,
        on_problem=_fail,
    ) as writer:  # fmt: skip
        feed = JournalFeed(writer.append, clock=clock, time=JournalTime(clock))
        began_s = time.process_time()
        for number in range(entries // TOGETHER):
            car = f"car-{number % 10_000}"
            for _ in range(TOGETHER // 4):
                feed.on_message(TopicKind.TELEMETRY, car, BEAT, is_retained=False)
                feed.on_message(TopicKind.STATE, car, STATE, is_retained=False)
                feed.on_message(TopicKind.TELEMETRY, car, BEAT, is_retained=False)
                feed.on_message(TopicKind.RESULT, car, RESULT, is_retained=False)
            writer.flush()
        return (time.process_time() - began_s) / entries * 1e6


def _judge(directory: Path, entries: int) -> float:
    judge = Judge(shipped_ranking(), name="bench")
    began_s = time.process_time()
    for entry in entries_in(directory):
        judge.apply(entry)
    return (time.process_time() - began_s) / entries * 1e6


def _fail(what: object) -> None:
    raise AssertionError(what)


if __name__ == "__main__":
    print(measure())
