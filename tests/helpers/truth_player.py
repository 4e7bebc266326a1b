"""Plays transcripts of clients: what they showed, how that is graded, and what is made of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Final

import msgspec
from rich.console import Console

from fleet_sim.truth.expectations import failures, parse, suites
from fleet_sim.truth.grading import DoorMovement, Grade, Press, Screen, ScreenChange, grade
from fleet_sim.truth.outputs import tables
from fleet_sim.truth.page import write_page
from fleet_sim.truth.score import RESULT, UNLOCKS, ClientResult, GradedUnlock, TruthResult
from tests.helpers.browser import found_on
from tests.helpers.own_commands import said_here
from tests.helpers.transcripts import TellerAtHome

LAST: Final = Press(
    request="r1", pressed_s=100.0, looked_s=110.0, ended_s=112.0, left_s=112.0, returned_s=126.0
)
FIRST: Final = Press(request="r1", pressed_s=100.0, looked_s=110.0, ended_s=112.0, left_s=124.0)
PRESSES: Final = {
    "last": LAST, "first": FIRST, "certain": msgspec.structs.replace(LAST, is_certain=True)
}  # fmt: skip
"""The last press of a visit: the user waits 10 s, reads, leaves, and returns. One after which the
user pressed again at 112 s. And one of a car with which nothing is wrong."""
MODES: Final = ("control", "ack_lost_executed", "auto_relock")


@dataclass
class TruthPlayer(TellerAtHome):
    """A user before a screen, and results of clients.

    `press KIND` begins anew, `shown AT SCREEN` and `door AT open` say what happened, and `grade`
    shows the grade with its reason. `graded CLIENT MODE GRADE:COUNT...` are unlocks of a result,
    which `result NAME` writes before another begins. `expect BOUND`, `suite BOUND`, `tables`, and
    `page PATTERN` show what is made of it. `compare "WORDS" [PATTERN]` compares two of `HOME`, and
    `file NAME PATTERN` shows what is in a file there.
    """

    press: Press = LAST
    screens: list[ScreenChange] = field(default_factory=list)
    door: list[DoorMovement] = field(default_factory=list)
    clients: dict[str, ClientResult] = field(default_factory=dict)

    def _do_press(self, kind: str) -> None:
        self.press, self.screens, self.door = PRESSES[kind], [], []

    def _do_shown(self, at_s: float, screen: str) -> None:
        self.screens.append(ScreenChange(at_s=at_s, screen=Screen(screen), request="r1"))

    def _do_door(self, at_s: float, state: str, *, own: bool = True) -> None:
        self.door.append(DoorMovement(at_s=at_s, is_locked=state == "locked", is_own=own))

    def _do_grade(self) -> None:
        found = grade(self.press, self.screens, self.door)
        self.told.append(f"{found.grade}{found.why and f': {found.why}'}")

    def _do_graded(self, client: str, mode: str, *counts: str) -> None:
        its = self.clients.setdefault(client, ClientResult(through="api", modes={}))
        pairs = (one.split(":") for one in counts)
        its.modes[mode] = {Grade(name): int(count) for name, count in pairs}

    def _do_ended(self, client: str, error: str) -> None:
        self.clients[client] = ClientResult(through="api", error=error, modes={})

    def _result(self) -> TruthResult:
        return TruthResult(
            seed=7,
            profile="native",
            started_at="2026-01-01T00:00:00+00:00",
            duration_s=95.0,
            clients=self.clients,
        )

    def _do_result(self, name: str) -> Path:
        """Write the result as a run leaves it, and begin another."""
        directory, result = self.home / name, self._result()
        directory.mkdir()
        for client in result.clients:
            (directory / client).mkdir()
        (directory / RESULT).write_bytes(msgspec.json.encode(result))
        (directory / UNLOCKS).write_bytes(msgspec.json.Encoder().encode_lines(unlocks_of(result)))
        self.clients = {}
        return directory

    def _do_expect(self, *texts: object, **bounds: object) -> None:
        for text in (*map(str, texts), *(f"{name}={bound}" for name, bound in bounds.items())):
            try:
                said = failures(self._result(), (parse(text, MODES),)) or [f"{text}: holds"]
            except ValueError as error:
                said = [f"{text}: {error}"]
            self.told += said

    def _do_suite(self, text: str) -> None:
        for suite in suites(self._result(), (parse(text, MODES),)):
            for case in suite.cases:
                self.told.append(f"{suite.name}: {case.name}: {case.error or case.failure}")

    def _do_tables(self) -> None:
        console = Console(file=StringIO(), width=120)
        for table in tables(self._result()):
            console.print(table)
        assert isinstance(console.file, StringIO)
        self.told += [" ".join(line.split()) for line in console.file.getvalue().splitlines()]

    def _do_page(self, *patterns: str, html: str = "") -> None:
        result = self._result()
        directory = self._do_result("page")
        failed = ["ha: 90%: 0 of 4"]
        page = write_page(
            directory, result, unlocks_of(result), failed=failed, words=["fleet-sim", "truth"]
        )
        self.told += found_on(page.read_text("utf-8"), patterns, html)
        self.told += sorted(f"badge of {one.parent.name}" for one in directory.rglob("badge.svg"))

    def _do_file(self, name: str, pattern: str) -> None:
        """Show what matches in a file."""
        text = (self.home / name).read_text("utf-8").replace(str(self.home), "HOME")
        self.told += [one.group() for one in re.finditer(pattern, text)]

    def _do_compare(self, words: str, pattern: str = "") -> None:
        self.told += said_here("fleet_sim", f"compare {words}", self.home, pattern)


def unlocks_of(result: TruthResult) -> list[GradedUnlock]:
    """Return an unlock for each grade of a result."""
    return [
        GradedUnlock(
            client=name,
            mode=mode,
            vehicle_id=f"{name}.{mode}.{number}",
            grade=grade,
            why=f"<b>{grade}</b>",
            press=FIRST,
        )
        for name, client in result.clients.items()
        for mode, counts in client.modes.items()
        for grade, count in counts.items()
        for number in range(count)
    ]
