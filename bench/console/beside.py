"""What people who look take from unlocks: a monitor at work, with its console, in turns.

Unlocks go over a real broker to full boxes without delays, at a constant rate, and are timed by the
monitor, as an operator sees them. For a while nobody looks; then so many people load pages of a
large store, each the next one as soon as the last is there; and so on, in one run, so that whatever
else disturbs the machine hits both alike.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from http.client import HTTPConnection, HTTPException
from itertools import chain
from pathlib import Path
from threading import Event, Thread, get_native_id
from typing import Any, Final, NamedTuple
from urllib.parse import quote

import msgspec

from bench.child_fleet import running_fleet
from bench.measure import quantile
from bench.probe_process import settings_with_load, start_probe
from bench.results import Goal, aligned, goals_table
from fleet_sim.broker.process import free_port, start_broker
from fleet_wire.contract.attempt import Attempt
from fleet_wire.contract.causes import Outcome

BOXES: Final = 500
RATE_PER_S: Final = 50.0
TURN_S: Final = 5.0
"""So long nobody looks, and then all do: short, as other work on the machine comes and goes."""
SETTLE_S: Final = 1.0
"""At the begin of a turn: what the other has left over is not counted."""
MOST_SLOWER: Final = 1.1
"""What an unlock may take more, in the median. The 99th percentile is shown beside it."""
_READY_S: Final = 60.0
_PAGES: Final = ("/", "/incidents", "/fleet", "/oncall")
_ALWAYS: Final = {"max_days": 36_500, "max_gib": 1_000}


class Turn(NamedTuple):
    """A time in which all look, or nobody does; Unix seconds."""

    began_s: float
    ended_s: float
    is_looked_at: bool


class People:
    """So many who load pages while they may: ids that they search for, and pages of roles."""

    def __init__(self, address: str, asked: Mapping[str, Sequence[str]], count: int) -> None:
        self._address = address
        self._paths = [
            *(f"/search?q={quote(one)}" for ids in asked.values() for one in ids),
            *_PAGES,
        ]
        self._may_look = Event()
        self._may_go = Event()
        self.took_s: list[float] = []
        self.refused = 0
        self._looking: set[int] = set()
        self._threads = [Thread(target=self._look, args=(number,)) for number in range(count)]
        for thread in self._threads:
            thread.start()

    def look(self, *, now: bool) -> None:
        """Let them look, or not."""
        (self._may_look.set if now else self._may_look.clear)()

    @property
    def are_still(self) -> bool:
        """Whether nobody waits for a page any more."""
        return not self._looking

    def go(self) -> None:
        """Let them go."""
        self._may_go.set()
        self._may_look.set()
        for thread in self._threads:
            thread.join()

    def _look(self, number: int) -> None:
        os.setpriority(os.PRIO_PROCESS, get_native_id(), 19)  # their own machines are elsewhere
        place = number
        while not self._may_go.is_set():
            self._looking.discard(number)
            self._may_look.wait()
            self._looking.add(number)
            path: str | None = self._paths[place % len(self._paths)]
            while path and self._may_look.is_set() and not self._may_go.is_set():
                path = self._load(path)
            place += 7  # each goes through all of them, from elsewhere

    def _load(self, path: str) -> str | None:
        """Load a page, and return where it leads."""
        began_s = time.monotonic()
        try:
            connection = HTTPConnection(self._address, timeout=120)
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            connection.close()
        except (OSError, HTTPException):
            self.refused += 1
            return None
        self.took_s.append(time.monotonic() - began_s)
        self.refused += answer.status >= 500
        return answer.headers["Location"]


def unlocks_beside(
    store: Path, asked: Mapping[str, Sequence[str]], *, people: int, rounds: int
) -> str:
    """Return what unlocks took with nobody and with so many people looking."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-console-", dir=store.parent) as name,
        start_broker("mosquitto", Path(name)) as broker,
    ):
        directory = Path(name)
        # The monitor writes here: the files are the same ones, by other names.
        subprocess.run(["cp", "-al", str(store), str(directory / "store")], check=True)
        settings = _settings(directory, str(broker.address), duration_s=_duration_s(rounds))
        port = broker.port

        async def measured() -> tuple[list[Turn], People]:
            async with running_fleet("full", host=broker.address.host, port=port, count=BOXES):
                return await _turns(directory, settings, asked, people=people, rounds=rounds)

        turns, crowd = asyncio.run(measured())
        return render(_times_ms(directory, turns), crowd, people=people, rounds=rounds)


def _duration_s(rounds: int) -> float:
    return 4 * TURN_S * rounds + _READY_S  # whoever looks has to end


async def _turns(
    directory: Path,
    settings: dict[str, Any],
    asked: Mapping[str, Sequence[str]],
    *,
    people: int,
    rounds: int,
) -> tuple[list[Turn], People]:
    """Let them look in turns; return these, and who looked."""
    process = await start_probe(directory, settings)
    address = settings["console"]["listen"]
    try:
        await _until_served(address)
        crowd = People(address, asked, people)
        turns = []
        for turn in range(2 * rounds):
            is_looked_at = bool(turn % 2)
            crowd.look(now=is_looked_at)
            began_s = time.time()
            await asyncio.sleep(TURN_S)
            turns.append(Turn(began_s, time.time(), is_looked_at))
            crowd.look(now=False)
            while not crowd.are_still:  # noqa: ASYNC110 - they are threads
                await asyncio.sleep(0.05)
        await asyncio.to_thread(crowd.go)
    finally:
        process.terminate()
        await process.communicate()
    return turns, crowd


async def _until_served(address: str) -> None:
    until_s = time.monotonic() + _READY_S
    while time.monotonic() < until_s:
        await asyncio.sleep(0.5)
        host, _, port = address.partition(":")
        with socket.socket() as tried:
            if tried.connect_ex((host, int(port))) == 0:
                return
    raise SystemExit(f"the console of the monitor was not there after {_READY_S:g} s")


def _settings(directory: Path, broker: str, *, duration_s: float) -> dict[str, Any]:
    load = settings_with_load(
        directory, broker, boxes=BOXES, rate_per_s=RATE_PER_S, duration_s=duration_s
    )
    return {
        **load,
        "store": {"directory": str(directory / "store"), **_ALWAYS},
        "console": {"listen": f"127.0.0.1:{free_port()}"},
    }


def _times_ms(directory: Path, turns: Sequence[Turn]) -> dict[bool, list[list[float]]]:
    """Return how long the unlocks of each turn took, in order, by whether they were looked at."""
    decoder = msgspec.json.Decoder(Attempt)
    lines = (directory / "attempts.jsonl").read_bytes().splitlines()
    attempts = [decoder.decode(line) for line in lines]
    times: dict[bool, list[list[float]]] = {False: [], True: []}
    for turn in turns:
        its = [
            attempt.total_s * 1e3
            for attempt in attempts
            if turn.began_s + SETTLE_S <= attempt.started_at < turn.ended_s
            and attempt.outcome is Outcome.OK
        ]
        times[turn.is_looked_at].append(sorted(its))
    return times


def render(
    times_ms: Mapping[bool, Sequence[Sequence[float]]], crowd: People, *, people: int, rounds: int
) -> str:
    """Return the table: quantiles of all turns together, and the ratios turn by turn."""
    rows = [["unlocks while", "p50, ms", "p99, ms", "unlocks"]]
    for is_looked_at, title in ((False, "nobody looks"), (True, f"{people} people look")):
        of_all = sorted(chain.from_iterable(times_ms[is_looked_at]))
        shown = (f"{quantile(of_all, share):.2f}" for share in (0.5, 0.99))
        rows.append([title, *shown, f"{len(of_all)}"])
    pages = sorted(crowd.took_s)
    goals = [
        Goal(
            f"{name} looked at / not",
            [
                quantile(looked_at, share) / quantile(alone, share)
                for alone, looked_at in zip(times_ms[False], times_ms[True], strict=True)
            ],
            limit,
        )
        for name, share, limit in (("p50", 0.5, MOST_SLOWER), ("p99", 0.99, None))
    ]
    looked = (
        f"{len(pages) / (rounds * TURN_S):.1f} pages a second; a page took"
        f" {quantile(pages, 0.5) * 1e3:.0f} ms in the median,"
        f" {quantile(pages, 0.99) * 1e3:.0f} at the 99th percentile; {crowd.refused} refused"
    )
    return "\n".join([aligned(rows), looked, goals_table(goals, of="an unlock's time")])
