"""How a run, or many of them, show themselves while they go on.

On a terminal: bars and a panel that is drawn over. Elsewhere, in a log or a pipe: plain lines, one
every few seconds, without control characters. Both say the same. Nothing here starts a thread. It
shows the reported state, and reads ended unlocks from the run's files when it shows them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from typing import IO, Final

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from fleet_sim.results import readable
from fleet_sim.runs.progress_counting import Counting
from fleet_sim.runs.progress_state import LoadState
from fleet_wire.clock import Clock
from fleet_wire.contract.causes import CAUSES, Cause, Outcome
from fleet_wire.system_clock import SystemClock

LINE_EVERY_S: Final = 5.0
DRAW_EVERY_S: Final = 0.1
"""Drawing takes some milliseconds: a run in virtual time would wait for its own display."""
CAUSES_SHOWN: Final = 5
FAULTS_SHOWN: Final = 3
OUTCOME_STYLES: Final = {
    Outcome.OK: "green",
    Outcome.REFUSED: "yellow",
    Outcome.FAILED: "red",
    Outcome.UNKNOWN: "magenta",
}
_BLOCKS: Final = "▁▂▃▄▅▆▇█"
_ASCII_BLOCKS: Final = "_.-=+*%#"
"""The blocks for a terminal whose encoding has none."""


def printable_lines(text: str) -> list[str]:
    """Return the lines of `text` with a space for whatever a terminal would act upon."""
    return [readable.printable(line) for line in text.splitlines()]


class Progress:
    """The reports of a run to its watcher, in any order and as often as it likes.

    This one shows nothing, and does not look at the unlocks.
    """

    def phase(self, text: str) -> None:
        """Report the phase that begins now."""

    def count(self, words: str, done: int, total: int) -> None:
        """Report that so much of a total is done, as `words` say."""

    def connecting(self, done: int, total: int) -> None:
        """Report how many boxes are connected."""
        self.count(f"connected {done:,} of {readable.boxes(total)}", done, total)

    def learning(self, heard: int, expected: int) -> None:
        """Report how many retained messages the probe has received, of about so many."""
        self.count(f"heard {heard:,} of some {expected:,} retained messages", heard, expected)

    def leaving(self, done: int, total: int) -> None:
        """Report how many boxes have left."""
        self.count(f"left {done:,} of {readable.boxes(total)}", done, total)

    def runs(self, *, done: int, total: int, failed: int) -> None:
        """Report how many runs of several are finished."""
        words = f"{done:,} of {readable.number_of(total, 'run')}"
        self.count(f"{words}, {failed:,} failed" if failed else words, done, total)

    def serving(self, metrics_url: str) -> None:
        """Report the URL of the metrics."""

    def load(self, state: LoadState) -> None:
        """Report the progress of the load."""

    def note(self, text: str) -> None:
        """Show a text that stays on the screen."""

    def close(self) -> None:
        """Give the screen back. A second call does nothing."""


class _PacedProgress(Progress, ABC):
    """Shows counts and the load at most every so often, and always the last of a count."""

    def __init__(self, every_s: float, clock: Clock | None) -> None:
        self._every_s = every_s
        self._clock = clock or SystemClock()
        self._next_s = 0.0
        self._counting = Counting(self._clock)

    def phase(self, text: str) -> None:
        """Show the text, and let the next counts through at once."""
        self._counting.restart()
        self._show_phase(" ".join(printable_lines(text)))
        self._next_s = 0.0

    def count(self, words: str, done: int, total: int) -> None:
        """Show how much it is, and how fast that grows."""
        if self._is_due() or done == total:
            self._show_count(self._counting.rate_text(words, done, total), done, total)

    def load(self, state: LoadState) -> None:
        """Show how far the load is, what became of the unlocks, and what the boxes do."""
        if self._is_due():
            state.unlocks.read()
            self._show_load(state)

    def _is_due(self) -> bool:
        now_s = self._clock.monotonic_s()
        if now_s < self._next_s:
            return False
        self._next_s = now_s + self._every_s
        return True

    @abstractmethod
    def _show_phase(self, text: str) -> None: ...

    @abstractmethod
    def _show_count(self, words: str, done: int, total: int) -> None: ...

    @abstractmethod
    def _show_load(self, state: LoadState) -> None: ...


class LineProgress(_PacedProgress):
    """Plain lines."""

    def __init__(self, stream: IO[str], clock: Clock | None = None) -> None:
        super().__init__(LINE_EVERY_S, clock)
        self._stream = stream

    def serving(self, metrics_url: str) -> None:
        """Write the address."""
        self.note(f"metrics: {metrics_url}")

    def note(self, text: str) -> None:
        """Write the text."""
        self._stream.writelines(f"{line}\n" for line in printable_lines(text))
        self._stream.flush()

    def _show_phase(self, text: str) -> None:
        self.note(text)

    def _show_count(self, words: str, done: int, total: int) -> None:  # noqa: ARG002 - the words have both
        self.note(words)

    def _show_load(self, state: LoadState) -> None:
        parts = ", ".join(part.plain for _, row in _rows(state) for part in row)
        self.note(f"{state.when}: {parts}")


class TerminalProgress(_PacedProgress):
    """A panel at the bottom of the terminal; notes stay above it."""

    def __init__(self, console: Console, clock: Clock | None = None) -> None:
        super().__init__(DRAW_EVERY_S, clock)
        self._console = console
        self._phase = ""
        self._metrics_url = ""
        self._body: RenderableType = Text("")
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._live.start()

    def serving(self, metrics_url: str) -> None:
        """Keep the address at the foot of the panel."""
        self._metrics_url = metrics_url
        self._show(self._body)

    def note(self, text: str) -> None:
        """Print the text above the panel."""
        for line in printable_lines(text):
            self._console.print(Text(line))

    def close(self) -> None:
        """Remove the panel from the screen. A second call does nothing."""
        self._live.stop()

    def _show_phase(self, text: str) -> None:
        self._phase = text
        self._show(Text(""))

    def _show_count(self, words: str, done: int, total: int) -> None:
        self._show(_bar(words, total=total, done=done))

    def _show_load(self, state: LoadState) -> None:
        bar = _bar(state.when, total=state.duration_s, done=max(state.elapsed_s, 0.0))
        rows = Table.grid(padding=(0, 2))
        rows.add_column(style="dim", no_wrap=True)
        rows.add_column()
        for name, parts in _rows(state):
            rows.add_row(name, _WrappedTexts(parts))
        rows.add_row("over time", _Trend(state.unlocks.medians_s()))
        self._show(Group(bar, rows))

    def _show(self, body: RenderableType) -> None:
        self._body = body
        foot = Text(f"metrics at {self._metrics_url}", style="dim", overflow="fold")
        panel = Panel(
            Group(body, foot) if self._metrics_url else body,
            title=Text(self._phase, style="bold"),
            title_align="left",
            border_style="dim",
        )
        # A terminal echoes Ctrl-C where its cursor stands. In an empty line of ours it is drawn
        # over; behind the panel it would begin a new line, and the top of the panel would stay.
        self._live.update(Group(panel, Text("")), refresh=True)


def progress_on(console: Console) -> Progress:
    """Return the display that suits where `console` writes to."""
    if console.is_terminal and not console.is_dumb_terminal:
        return TerminalProgress(console)
    return LineProgress(console.file)


def _bar(words: str, *, total: float, done: float) -> Table:
    row = Table.grid(padding=(0, 2), expand=True)
    row.add_column(ratio=1)
    row.add_column(justify="right", no_wrap=True)
    bar = ProgressBar(
        total=max(total, 1e-9),
        completed=min(done, total),
        complete_style="blue",  # the default is the red that means a failure here
        finished_style="blue",
    )
    row.add_row(bar, Text(words))
    return row


def _rows(state: LoadState) -> list[tuple[str, list[Text]]]:
    """Return what is said of the load: the name and the parts of each row."""
    rows = [
        ("unlocks", _counts(state)),
        ("time", _times(state)),
        ("causes", _causes(state.unlocks.causes)),
        ("boxes", _boxes(state)),
        ("faults", _faults(state) if state.faults else []),
    ]
    return [(name, parts) for name, parts in rows if parts]


def _causes(causes: Counter[Cause]) -> list[Text]:
    shown = causes.most_common(CAUSES_SHOWN)
    others = causes.total() - sum(number for _, number in shown)
    parts = [
        Text(f"{cause.value} {number:,}", style=OUTCOME_STYLES[CAUSES[cause].outcome])
        for cause, number in shown
    ]
    return [*parts, Text(f"other causes {others:,}", style="dim")] if others else parts


def _counts(state: LoadState) -> list[Text]:
    return [
        _number(state.sent_count, "sent"),
        _number(state.ok, "opened", "green"),
        _number(state.not_opened, "not opened", "red"),
        _number(state.in_flight, "in flight"),
    ]


def _number(value: int, label: str, colour: str = "") -> Text:
    text = Text(f"{value:,}", style=f"bold {colour if value else ''}".strip())
    return text.append(f" {label}", style="not bold default")


def _times(state: LoadState) -> list[Text]:
    quantiles = {percent: state.unlocks.opens_s(percent) for percent in (50, 95)}
    parts = [
        Text(f"p{percent} ").append(readable.duration(value_s), style="bold")
        for percent, value_s in quantiles.items()
        if value_s is not None
    ]
    if not state.unlocks.ended_count:
        return [Text("no unlock has ended yet", style="dim")]
    missing = [percent for percent, value_s in quantiles.items() if value_s is None]
    if missing:
        parts.append(Text(f"fewer than {missing[0]} % opened", style="red"))
    return [*parts, Text(f"of {state.unlocks.ended_count:,} that ended", style="dim")]


def _boxes(state: LoadState) -> list[Text]:
    fleet = state.fleet
    parts = [
        _number(fleet.reachable, f"of {state.configured:,} connected"),
        _number(fleet.asleep, "asleep"),
        _number(fleet.commands, "commands came"),
        _number(fleet.executed, "executed"),
        _number(fleet.refused, "refused", "yellow"),
        _number(fleet.redelivered, "redelivered", "yellow"),
    ]
    return [*parts[:1], *(part for part in parts[1:] if not part.plain.startswith("0 "))]


def _faults(state: LoadState) -> list[Text]:
    running = state.running_faults
    lines = [
        Text(fault.fault, style="bold yellow").append(
            f" on {readable.number_of(len(fault.vehicles), 'car')},"
            f" {fault.end_s - state.elapsed_s:.0f} s more",
            style="not bold default",
        )
        for fault in running[:FAULTS_SHOWN]
    ]
    if len(running) > FAULTS_SHOWN:
        lines.append(Text(f"and {len(running) - FAULTS_SHOWN} more"))
    if (coming := state.next_fault) is not None:
        in_s = coming.start_s - state.elapsed_s
        lines.append(Text(f"{coming.fault} in {in_s:.0f} s", style="dim"))
    return lines or [Text("none any more", style="dim")]


class _WrappedTexts:
    """Texts beside each other with dots between, as many in a line as fit."""

    def __init__(self, parts: Sequence[Text]) -> None:
        self._parts = parts

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        del console
        dot = ", " if options.ascii_only else " · "
        line = Text()
        for part in self._parts:
            if line and len(line) + len(dot) + len(part) > options.max_width:
                yield line
                line = Text()
            line = Text.assemble(line, (dot if line else "", "dim"), part)
        yield line


class _Trend:
    """The median time to open over the load: a block a slice, a cross where fewer opened."""

    def __init__(self, medians_s: Sequence[tuple[int, float | None]]) -> None:
        self._medians_s = medians_s

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        del console
        blocks = _ASCII_BLOCKS if options.ascii_only else _BLOCKS
        known = [median_s for _, median_s in self._medians_s if median_s is not None]
        longest_s = max(known, default=0.0)
        line = Text(no_wrap=True, overflow="crop")
        for ended, median_s in self._medians_s:
            if not ended:
                line.append(" ")
            elif median_s is None:
                line.append("x" if options.ascii_only else "×", style="red")  # noqa: RUF001
            else:
                height = int(median_s / longest_s * (len(blocks) - 1)) if longest_s else 0
                line.append(blocks[height], style="blue")
        scale = f" up to {readable.duration(longest_s)}"
        if known and len(line) + len(scale) <= options.max_width:
            line.append(scale, style="dim")
        yield line
