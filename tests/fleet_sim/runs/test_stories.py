"""What the display of a run shows, in the text file of this folder."""

from __future__ import annotations

import shutil
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import msgspec
from rich.console import Console

from fleet_sim.cars.world import FleetCounts
from fleet_sim.results.injected import InjectedFault
from fleet_sim.runs.progress import LineProgress, TerminalProgress
from fleet_sim.runs.progress_counting import Counting
from fleet_sim.runs.progress_state import LoadState, UnlocksSoFar
from fleet_wire.contract.causes import Cause
from tests.helpers.fake_clock import FakeClock
from tests.helpers.sample_run import make_attempt
from tests.helpers.screen import Screen
from tests.helpers.transcripts import Player, stories_test


@dataclass
class ProgressPlayer(Player):
    """A run, and its display.

    It is in a pipe, or on a `terminal WIDTH`. `unlock COUNT [CAUSE] at_s=...` have
    ended, `fault NAME start end CARS` is in the scenario, and `boxes` sets counts. `load AT` shows
    them, `connecting`, `learning`, `leaving` and `runs` counts of a total, after `pass SECONDS`.
    """

    home: Path = field(default_factory=lambda: Path(mkdtemp(prefix="progress-")))
    clock: FakeClock = field(default_factory=lambda: FakeClock(now_s=100.0))
    counts: FleetCounts = field(default_factory=FleetCounts)
    faults: list[InjectedFault] = field(default_factory=list)
    width: int | None = None
    number: int = 0

    def __post_init__(self) -> None:
        """Show nothing yet, and remove the file with the player."""
        weakref.finalize(self, shutil.rmtree, self.home)
        self.file = self.home / "attempts.jsonl"
        self.unlocks = UnlocksSoFar(self.file, duration_s=60.0)
        self.stream = StringIO()
        self._show_on(LineProgress(self.stream, self.clock))

    def verbs(self) -> Mapping[str, Callable[..., object]]:
        """Return the function of each verb."""
        return {
            **super().verbs(),
            "close": self.shown.close,
            "connecting": self.shown.connecting,
            "learning": self.shown.learning,
            "leaving": self.shown.leaving,
            "note": lambda text: self.shown.note(text.encode().decode("unicode_escape")),
            "phase": self.shown.phase,
            "runs": lambda done, total, bad: self.shown.runs(done=done, total=total, failed=bad),
            "serving": self.shown.serving,
            "typed": self.stream.write,
        }

    def news(self) -> list[str]:
        """Return the new lines, or what stands on the terminal now."""
        text = self.stream.getvalue()
        if self.width is None:
            self.stream.seek(0)
            self.stream.truncate()
            return text.splitlines()
        screen = Screen(self.width)
        screen.write(text)
        return screen.text.splitlines()

    def _do_terminal(self, width: int = 100) -> None:
        self.width = width
        console = Console(file=self.stream, force_terminal=True, width=width)
        self._show_on(TerminalProgress(console, self.clock))

    def _show_on(self, display: LineProgress | TerminalProgress) -> None:
        """Use a display, on a machine with 12.3 GB of memory free."""
        display._counting = Counting(self.clock, lambda: 12_300_000_000)
        self.shown = display

    def _do_pass(self, seconds: float) -> None:
        self.clock.now_s += seconds

    def _do_boxes(self, **counts: Any) -> None:
        self.counts = FleetCounts(**counts)

    def _do_fault(self, name: str, start_s: float, end_s: float, cars: int = 0) -> None:
        self.faults.append(InjectedFault(name, start_s, end_s, ["car"] * cars))

    def _do_unlock(self, count: int, cause: str | None = None, **its: Any) -> None:
        with self.file.open("ab") as file:
            for _ in range(count):
                self.number += 1
                number = its.pop("number", self.number)
                made = make_attempt(number, cause=None if cause is None else Cause(cause))
                fields = {"total_s": 1.5 if cause is None else 20.0} | its
                if "at_s" in fields:
                    fields["scheduled_s"] = fields.pop("at_s")
                made = msgspec.structs.replace(made, **fields)
                file.write(msgspec.json.encode(made) + b"\n")

    def _do_load(self, at_s: float, *, sent: int = 0, of: float = 60.0) -> None:
        self.clock.now_s += 10.0  # so that it is shown
        self.shown.load(
            LoadState(
                elapsed_s=at_s,
                duration_s=of,
                sent_at_least=sent,
                configured=1000,
                fleet=self.counts,
                faults=self.faults,
                unlocks=self.unlocks,
            )
        )


test_stories = stories_test(__file__, ProgressPlayer)
