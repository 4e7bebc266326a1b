"""The store beside others: `python -m bench.store [--lines N] [--rounds N] [--grow-to GB]`.

The same lines, made by a seed, go to each in turn, in a process of its own on one core. CPU is
what that process and its children took: on a machine that nobody else uses that is the time. Then
each is asked for unlocks by an id, and for all of a car, with its files open; the median of the
questions is told. What `platform-probe diagnose` tells is asked of this store alone. With
`--grow-to` this store alone grows, doubling, and is asked at each size. With `--sustained 29` a
monitor follows a platform's log of so many megabytes a second for ten minutes, beside unlocks.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Final

import msgspec

from bench.machine import machine_facts
from bench.results import aligned
from bench.store.contenders import CONTENDERS, Contender, OurStore, missing
from bench.store.lines import attempt_lines, car_id, lines_later
from bench.store.sustained import sustain

CARS: Final = 10_000
LINES_A_FILE: Final = 50_000
"""62 MB: four write-ahead files."""
QUESTIONS: Final = 11
EACH_S: Final = 540.0
"""So long a fleet that grows a store takes for one file."""
DRAWN: Final = 3
"""So many are drawn: in all of them together there is every car."""
MB: Final = 1e6
GB: Final = 1e9


class StoreMeasurement(msgspec.Struct, frozen=True, kw_only=True):
    """What one contender came to."""

    raw_bytes: int
    bytes: int
    take_in_cpu_s: float
    find_ms: float
    day_ms: float
    found: int
    """Unlocks of one car, the same for all."""
    diagnose_ms: float | None = None
    """All that `platform-probe diagnose` tells of an unlock that failed; only this store can."""

    @property
    def mb_per_s(self) -> float:
        """Raw megabytes a second of one core."""
        return self.raw_bytes / MB / self.take_in_cpu_s

    @property
    def times_smaller(self) -> float:
        """Raw bytes to kept bytes."""
        return self.raw_bytes / self.bytes


def main() -> None:
    """Measure, or be the process in which one is measured."""
    arguments = _arguments()
    if arguments.contender or arguments.grow_to:
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    if arguments.contender:
        measured = measure_here(arguments.contender, Path(arguments.files))
        print(msgspec.json.encode(measured).decode())
        return
    if arguments.grow_to:
        grow(arguments.grow_to)
        return
    if arguments.sustained:
        print(sustain(arguments.sustained, arguments.minutes))
        return
    print("\n".join(f"{name}: {value}" for name, value in machine_facts().items()))
    with tempfile.TemporaryDirectory(prefix="bench-store-") as name:
        make_files(Path(name), arguments.lines)
        rounds = [measure_all(Path(name)) for _ in range(arguments.rounds)]
    print(render(rounds))


def measure_all(files: Path) -> dict[str, StoreMeasurement | str]:
    """Return for each contender what it came to, or what it lacks here."""
    measured: dict[str, StoreMeasurement | str] = {}
    for name in CONTENDERS:
        print(f"measuring {name}", file=sys.stderr, flush=True)
        measured[name] = missing(name) or _in_a_process(name, files)
    return measured


def make_files(directory: Path, lines: int) -> None:
    """Write the lines, a day of the fleet, as files of one size."""
    rest = attempt_lines(lines, cars=CARS, seed=1)
    for number in range(-(-lines // LINES_A_FILE)):
        with (directory / f"lines-{number:04d}.jsonl").open("wb") as file:
            file.writelines(line for _, line in zip(range(LINES_A_FILE), rest, strict=False))


def measure_here(name: str, files: Path) -> StoreMeasurement:
    """Measure a contender in this process."""
    paths = sorted(files.glob("*.jsonl"))
    asked = _questions(paths)
    with tempfile.TemporaryDirectory(prefix="bench-store-") as directory:
        contender: Contender = CONTENDERS[name](Path(directory))
        before_s = _cpu_s()
        contender.take_in(paths)
        took_s = _cpu_s() - before_s
        contender.open()
        cars = [car_id(number) for number in range(7, CARS, CARS // QUESTIONS)][:QUESTIONS]
        measured = StoreMeasurement(
            raw_bytes=sum(path.stat().st_size for path in paths),
            bytes=contender.size(),
            take_in_cpu_s=took_s,
            find_ms=_asked(contender.find, asked)[0],
            day_ms=_asked(contender.day, cars)[0],
            found=_asked(contender.day, cars[:1])[1],
            diagnose_ms=_told_ms(contender, paths),
        )
        contender.close()
        return measured


def _in_a_process(name: str, files: Path) -> StoreMeasurement | str:
    command = [sys.executable, "-m", "bench.store", "--contender", name, "--files", str(files)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return done.stderr.strip().rpartition("\n")[2]
    return msgspec.json.decode(done.stdout, type=StoreMeasurement)


def _questions(paths: Sequence[Path]) -> list[str]:
    """Return ids of unlocks from all over the files, of each kind in turn."""
    kinds = ("attempt_id", "command_id", "trace_id", "booking_id")
    asked = []
    for number in range(QUESTIONS):
        lines = paths[number * len(paths) // QUESTIONS].read_bytes().splitlines()
        attempt = msgspec.json.decode(lines[number * len(lines) // QUESTIONS])
        asked.append(attempt[kinds[number % len(kinds)]])
    return asked


def _told_ms(contender: Contender, paths: Sequence[Path]) -> float | None:
    """Return the median CPU of telling why an unlock failed, ms; None where nobody can."""
    if not isinstance(contender, OurStore):
        return None
    failed = []
    for path in paths[:: -(-len(paths) // QUESTIONS)]:
        with path.open("rb") as file:
            line = next(each for each in file if b'"cause":"' in each)
        failed.append(msgspec.json.decode(line)["attempt_id"])
    return _asked(contender.tell, failed)[0]


def _asked(ask: Callable[[str], int], questions: Sequence[str]) -> tuple[float, int]:
    """Return the median CPU of the questions, ms, and what the last one found. All find some."""
    ask(questions[0])  # warm
    times = []
    for question in questions:
        before_s = _cpu_s()
        found = ask(question)
        times.append(_cpu_s() - before_s)
        if not found:
            raise SystemExit(f"nothing found for {question}")
    return median(times) * 1e3, found


def _cpu_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def grow(most_gb: float) -> None:
    """Let this store grow, nine minutes of the fleet after the other, and ask it at each doubling.

    The unlocks are those of a few such times, later and with other ids.
    """
    head = ["raw GB", "store MB", "files", "find ms", "a car's day ms", "in, MB/s"]
    print(aligned([head, ["goal", "", "", "< 100", "< 100", ">= 100"]]))
    drawn = [
        [*attempt_lines(LINES_A_FILE, cars=CARS, seed=seed, duration_s=EACH_S)]
        for seed in range(DRAWN)
    ]
    took_in_s = 0.0
    with tempfile.TemporaryDirectory(prefix="bench-store-") as name:
        store = OurStore(Path(name))
        raw, next_gb, number = 0, most_gb / 8, 0
        while raw < most_gb * GB:
            file = Path(name) / "lines.jsonl"
            lines = lines_later(drawn[number % DRAWN], seed=number, after_s=EACH_S * number)
            with file.open("wb") as opened:
                opened.writelines(lines)
            raw += file.stat().st_size
            asked = _questions([file])
            before_s = _cpu_s()
            store.take_in([file])
            took_in_s += _cpu_s() - before_s
            number += 1
            if raw >= next_gb * GB:
                store.open()
                cars = [car_id(each) for each in range(7, CARS, CARS // QUESTIONS)]
                parts = sum(1 for _ in (Path(name) / "store" / "attempts").iterdir())
                line = [
                    f"{raw / GB:.2f}", f"{store.size() / MB:.0f}", f"{parts}",
                    f"{_asked(store.find, asked)[0]:.0f}", f"{_asked(store.day, cars)[0]:.0f}",
                    f"{raw / MB / took_in_s:.0f}",
                ]  # fmt: skip
                print(aligned([line]), flush=True)
                store.close()
                next_gb *= 2


def render(rounds: Sequence[dict[str, StoreMeasurement | str]]) -> str:
    """Return the table: medians over the rounds, and what is missing."""
    head = ["", "in, MB/s a core", "times smaller", "find any id, ms", "a car's day, ms"]
    head.append("tell why, ms")
    rows, lacking = [head, ["goal", ">= 100", ">= 8", "< 100", "< 100", "< 200"]], []
    for name in rounds[0]:
        measured = [each[name] for each in rounds]
        whole = [each for each in measured if isinstance(each, StoreMeasurement)]
        if not whole:
            lacking.append(f"{name}: {measured[0]}")
            continue
        rows.append(
            [
                name,
                f"{median(each.mb_per_s for each in whole):.0f}",
                f"{median(each.times_smaller for each in whole):.1f}",
                f"{median(each.find_ms for each in whole):.1f}",
                f"{median(each.day_ms for each in whole):.1f}",
                _median_of([each.diagnose_ms for each in whole]),
            ]
        )
    return "\n".join([aligned(rows), *lacking])


def _median_of(times_ms: Sequence[float | None]) -> str:
    known = [each for each in times_ms if each is not None]
    return f"{median(known):.1f}" if known else "-"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.store", description=__doc__)
    parser.add_argument("--lines", type=int, default=1_000_000, help="attempts, 1,250 bytes each")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--grow-to", type=float, help="gigabytes of raw lines, this store alone")
    parser.add_argument("--sustained", type=float, help="megabytes a second of a platform's log")
    parser.add_argument("--minutes", type=float, default=10.0, help="how long such a log goes on")
    parser.add_argument("--contender", choices=CONTENDERS, help=argparse.SUPPRESS)
    parser.add_argument("--files", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
