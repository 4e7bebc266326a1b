"""The console over a large store: `python -m bench.console [--unlocks N] [--store DIR]`.

A store is made, or an earlier one taken, and the console is started over it as a program. It is
asked for unlocks by each kind of id, as somebody types them, and for the page that is found: the
time until the last byte, on an otherwise quiet machine that of the server. Then so many people ask
at once, and the processes' CPU says what a page costs. `--beside` measures what they take from the
unlocks of a monitor, alone; `--busy` what a page takes where other programs keep all cores busy.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from threading import Thread
from typing import Final
from urllib.parse import quote

from bench.console.beside import unlocks_beside
from bench.console.busy import pages_while_busy
from bench.console.filling import fill
from bench.machine import machine_facts
from bench.results import aligned
from platform_probe.store.reading import Source

QUESTIONS: Final = 7
PEOPLE: Final = 40
KINDS: Final = ("attempt_id", "command_id", "trace_id", "booking_id", "account_id", "vehicle_id")
GOAL_MS: Final = 300.0
_IDLE: Final = ("chrt", "--idle", "0")
"""So a monitor starts its console (`platform_probe.web.console.process`)."""


def main() -> None:
    """Measure, and print."""
    arguments = _arguments()
    print("\n".join(f"{name}: {value}" for name, value in machine_facts().items()))
    with tempfile.TemporaryDirectory(prefix="bench-console-") as name:
        store = arguments.store or Path(name) / "store"
        if not (store / "store.json").exists():
            began_s = time.monotonic()
            fill(store, arguments.unlocks, arguments.days)
            print(f"filled in {time.monotonic() - began_s:.0f} s", file=sys.stderr)
        asked = _ids_in(store)
        if arguments.beside:
            told = unlocks_beside(store, asked, people=PEOPLE, rounds=arguments.rounds)
            print(told)
            return
        if arguments.busy:
            with (
                _served(store, Path(name)) as (nice, _),
                _served(store, Path(name), _IDLE) as (idle, _),
            ):
                consoles = {"gets what others leave": idle, "is only nice": nice}
                print(pages_while_busy(consoles, asked["attempt_id"], _get))
            return
        with _served(store, Path(name)) as (address, pid):
            _get(address, "/")
            print(render(address, asked))
            print(together(address, asked, pid))


def render(address: str, asked: dict[str, list[str]]) -> str:
    """Return how long each kind of question took, alone."""
    rows = [["found by", "search, ms", "page, ms", "both: median", "worst", f"under {GOAL_MS:.0f}"]]
    for kind, ids in asked.items():
        searches, pages = [], []
        for each in ids:
            took_s, location = _get(address, f"/search?q={quote(each)}")
            searches.append(took_s * 1e3)
            pages.append(_get(address, location)[0] * 1e3 if location else 0.0)
        both = [search + page for search, page in zip(searches, pages, strict=True)]
        under = sum(each < GOAL_MS for each in both)
        rows.append(
            [
                kind,
                f"{median(searches):.0f}",
                f"{median(pages):.0f}",
                f"{median(both):.0f}",
                f"{max(both):.0f}",
                f"{under} of {len(both)}",
            ]
        )
    for path in ("/", "/incidents", "/fleet", "/oncall", "/support", "/mobile", "/qa", "/cto"):
        times = [_get(address, path)[0] * 1e3 for _ in range(2)]
        rows.append([path, "", f"{times[0]:.0f}", "again:", f"{times[1]:.0f}", ""])
    return aligned(rows)


def together(address: str, asked: dict[str, list[str]], pid: int) -> str:
    """Return how long a search with its page takes when many look at once, and its CPU."""
    took: list[float] = []

    def look(person: int) -> None:
        kind = KINDS[person % len(KINDS)]
        for each in asked[kind][:3]:
            began_s = time.monotonic()
            _, location = _get(address, f"/search?q={quote(each)}")
            if location:
                _get(address, location)
            took.append(time.monotonic() - began_s)

    before_s = _cpu_s(pid)
    threads = [Thread(target=look, args=(person,)) for person in range(PEOPLE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    cpu_ms = (_cpu_s(pid) - before_s) / len(took) * 1e3
    return (
        f"{PEOPLE} people at once: a search with its page takes {median(took) * 1e3:.0f} ms in the"
        f" median, {max(took) * 1e3:.0f} ms at worst; {cpu_ms:.0f} ms of CPU"
    )


def _get(address: str, path: str) -> tuple[float, str]:
    """Return how long a page took, seconds, and where it leads."""
    connection = HTTPConnection(address, timeout=120)
    began_s = time.monotonic()
    connection.request("GET", path)
    answer = connection.getresponse()
    answer.read()
    took_s = time.monotonic() - began_s
    connection.close()
    if answer.status not in (200, 303):
        raise SystemExit(f"{path}: {answer.status}")
    return took_s, answer.headers["Location"] or ""


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def _ids_in(store: Path) -> dict[str, list[str]]:
    """Return ids of unlocks that failed, from all over the store, of each kind."""

    def work(duck: object) -> list[tuple[str, ...]]:
        return duck.run(  # type: ignore[attr-defined, no-any-return]
            f"SELECT {', '.join(KINDS)} FROM attempt_revisions WHERE cause IS NOT NULL"
            f" ORDER BY md5(attempt_id) LIMIT {QUESTIONS * len(KINDS)}"
        )

    rows = Source(store).read(work)
    return {
        kind: [row[place] for row in rows[place :: len(KINDS)]] for place, kind in enumerate(KINDS)
    }


@contextmanager
def _served(store: Path, directory: Path, before: Sequence[str] = ()) -> Iterator[tuple[str, int]]:
    command = [
        *before, sys.executable, "-m", "platform_probe", "console", "--store", str(store),
        "--listen", "127.0.0.1:0", "--audit", str(directory / "audit.jsonl"),
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        try:
            yield process.stdout.readline().strip().rpartition("/")[2], process.pid
        finally:
            process.terminate()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.console", description=__doc__)
    parser.add_argument("--unlocks", type=int, default=10_000_000)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--beside", action="store_true", help="unlocks beside people who look")
    parser.add_argument("--busy", action="store_true", help="pages while all cores are busy")
    parser.add_argument("--rounds", type=int, default=20, help="turns with nobody and with all")
    parser.add_argument("--store", type=Path, help="make it there, or take what is there")
    return parser.parse_args()


if __name__ == "__main__":
    main()
