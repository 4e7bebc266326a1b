"""How a sweep shows itself: a bar on a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from fleet_sim.results import readable
from fleet_sim.runs.progress import LINE_EVERY_S
from fleet_wire.clock import Clock
from fleet_wire.system_clock import SystemClock


def sweep_progress_on(console: Console) -> SweepBar | SweepLines:
    """Return the display that suits where `console` writes to; it is a context manager."""
    if console.is_terminal and not console.is_dumb_terminal:
        return SweepBar(console)
    return SweepLines(console)


class SweepBar:
    """A bar with the number of runs and the time that is left."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("runs{task.fields[failed]}"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            expand=True,
        )
        self._task = self._progress.add_task("", total=None, failed="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def note(self, text: str) -> None:
        """Print the text above the bar."""
        self._console.print(Text(text))

    def runs(self, *, done: int, total: int, failed: int) -> None:
        """Move the bar."""
        self._progress.update(
            self._task, completed=done, total=total, failed=f", {failed} failed" if failed else ""
        )


class SweepLines:
    """Plain lines; counts at most every `LINE_EVERY_S`, and always the last."""

    def __init__(self, console: Console, clock: Clock | None = None) -> None:
        self._stream = console.file
        self._clock = clock or SystemClock()
        self._next_s = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Do nothing: every line is out already."""

    def note(self, text: str) -> None:
        """Write the text."""
        self._stream.write(f"{text}\n")
        self._stream.flush()

    def runs(self, *, done: int, total: int, failed: int) -> None:
        """Write the counts in one line."""
        now_s = self._clock.monotonic_s()
        if done == total or now_s >= self._next_s:
            self._next_s = now_s + LINE_EVERY_S
            self.note(
                f"{done:,} of {readable.number_of(total, 'run')}"
                + (f", {failed:,} failed" if failed else "")
            )
