"""Draws what a terminal shows as one SVG that moves by itself: no program, and no other file.

The display is that of a run in virtual time, so the same seed gives the same picture.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from html import escape
from io import StringIO
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from rich.console import Console, RenderableType
from rich.segment import Segment

from fleet_sim.runs.directory import RunDirectory, ScenarioSource
from fleet_sim.runs.progress import TerminalProgress
from fleet_sim.runs.progress_state import LoadState
from fleet_sim.runs.virtual.run import VirtualOptions, VirtualRun
from fleet_sim.scenario.loading import load_scenario
from tests.helpers.commands import lines
from tests.helpers.fake_clock import FakeClock
from tests.helpers.own_commands import run_here
from tests.helpers.virtual_runs import SCENARIOS

SCENARIO: Final = "operator_in_a_city"
RUN: Final = (
    "fleet-sim run scenarios/virtual/operator_in_a_city.yaml --mode virtual --out runs/city"
)
COLUMNS: Final = 98
ROWS: Final = 25
CHAR_X: Final = 8
LINE_Y: Final = 18
MARGIN: Final = 14
SLOT_S: Final = 0.4
"""How long the shortest frame is shown."""
DISPLAYS: Final = 24
"""Frames of the run's display, evenly over its load."""
READ_SLOTS: Final = 14
"""How long a page of text is shown."""
SCROLLED: Final = 12
"""How many rows further a long answer is shown."""
TYPED_SLOTS: Final = 3
COLOURS: Final = {
    "green": "#3fb950", "yellow": "#d29922", "red": "#f85149", "magenta": "#bc8cff",
    "blue": "#58a6ff", "grey23": "#30363d", "dim": "#8b949e", "": "#e6edf3",
}  # fmt: skip


class Piece(NamedTuple):
    """Some letters of one style in a row."""

    column: int
    text: str
    colour: str
    is_bold: bool


Row = tuple[Piece, ...]


class Frame(NamedTuple):
    """What the terminal shows for a number of slots."""

    rows: tuple[Row, ...]
    slots: int


class FrameRecorder(TerminalProgress):
    """Keeps what a terminal would show of the load, at even times of the run."""

    def __init__(self) -> None:
        self._console_of_frames = Console(
            file=StringIO(), width=COLUMNS, color_system="standard", force_terminal=True
        )
        self._time = FakeClock(0.0)
        super().__init__(self._console_of_frames, self._time)
        self.frames: list[tuple[Row, ...]] = []
        self._is_load = False

    def load(self, state: LoadState) -> None:
        """Show the load as a terminal does that is looked at seldom."""
        due_s = len(self.frames) * state.duration_s / (DISPLAYS - 1)
        if due_s <= state.elapsed_s <= state.duration_s:
            self._time.now_s += 1.0
            self._is_load = True
            super().load(state)
            self._is_load = False

    def _show(self, body: RenderableType) -> None:
        super()._show(body)
        if self._is_load and (panel := self._live.renderable) is not None:
            self.frames.append(tuple(map(_row_of, self._console_of_frames.render_lines(panel))))


def terminal() -> str:
    """Return the picture: an outage in a city, its incident, and why one car did not open."""
    scenario = load_scenario(SCENARIOS[SCENARIO])
    recorder = FrameRecorder()
    with TemporaryDirectory() as parent:
        run = Path(parent) / SCENARIO
        source = run.with_suffix(".yaml")
        source.write_text("", encoding="utf-8")
        seed = scenario.seed or 1
        directory = RunDirectory.create(run, scenario_name=SCENARIO, seed=seed)
        options = VirtualOptions(seed=seed, with_report=False)
        VirtualRun(scenario, ScenarioSource(source), directory, options, recorder).run()
        typed = (_typed(RUN),)
        frames = [Frame(typed, TYPED_SLOTS)]
        frames += [Frame((*typed, *shown), 1) for shown in recorder.frames]
        frames[-1] = frames[-1]._replace(slots=2 * TYPED_SLOTS)
        incident = next(iter(lines(run / "incidents.jsonl")))["incident_id"]
        car = next(
            one["vehicle_id"]
            for one in lines(run / "attempts.jsonl")
            if one["cause"] == "box_offline"
        )
        for words in (("incidents", "show", incident), ("diagnose", car)):
            frames += _command(words, run)
    return svg_of(frames)


def _command(words: Sequence[str], run: Path) -> list[Frame]:
    """Return the frames of a command of the monitor: typed, then with its answer."""
    typed = _typed(f"platform-probe {' '.join(words)} --run runs/city")
    code, said, error = run_here("platform_probe", *words, "--run", run)
    assert code == 0, error
    rows = [typed, *map(_plain, said.splitlines())]
    ends = [ROWS, *([ROWS + SCROLLED] if len(rows) > ROWS else [])]
    screens = [Frame(tuple(rows[max(end - ROWS, 0) : end]), READ_SLOTS) for end in ends]
    return [Frame((typed,), TYPED_SLOTS), *screens]


def _typed(line: str) -> Row:
    return (Piece(0, "$ ", "green", is_bold=True), Piece(2, line, "", is_bold=True))


def _plain(line: str) -> Row:
    """Return a line of text; a heading is bold, and what does not fit ends with dots."""
    shown = line if len(line) <= COLUMNS else f"{line[: COLUMNS - 1]}…"
    is_heading = bool(line) and line[0].isupper() and not line.endswith(".") and ":" not in line
    return (Piece(0, shown, "", is_bold=is_heading),) if shown.strip() else ()


def _row_of(segments: Iterable[Segment]) -> Row:
    pieces: list[Piece] = []
    column = 0
    for text, style, _ in segments:
        named = style.color.name if style and style.color else ""
        colour = "dim" if style and style.dim else named
        if text.strip():
            known = colour if colour in COLOURS else ""
            pieces.append(Piece(column, text, known, bool(style and style.bold)))
        column += len(text)
    return tuple(pieces)


def svg_of(frames: Sequence[Frame]) -> str:
    """Return frames as an SVG. A row that stays from one frame to the next is written once."""
    slots = sum(frame.slots for frame in frames)
    width, height = 2 * MARGIN + COLUMNS * CHAR_X, 2 * MARGIN + ROWS * LINE_Y
    drawn: list[str] = []
    lengths: set[int] = set()
    for number in range(ROWS):
        at = 0
        for row, same in groupby(frames, key=partial(_row_at, number)):
            length = sum(frame.slots for frame in same)
            if row:
                is_last = at + length == slots
                drawn.append(_drawn(row, number, at, length, slots=slots, is_last=is_last))
                lengths.add(length)
            at += length
    whole_s = slots * SLOT_S
    steps = "".join(
        f"@keyframes k{n}{{0%{{visibility:visible}}"
        f"{100 * n / slots:.3f}%,100%{{visibility:hidden}}}}"
        f".k{n}{{animation:k{n} {whole_s:g}s step-end infinite}}"
        for n in sorted(lengths - {slots})
    )
    colours = "".join(f".{name or 'n'}{{fill:{colour}}}" for name, colour in COLOURS.items())
    style = (
        "text{font:13px ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace;white-space:pre}"
        f".b{{font-weight:bold}}g{{visibility:hidden}}.z{{visibility:visible}}{colours}{steps}"
        "@media (prefers-reduced-motion:reduce){g{animation:none!important}}"
    )
    size = f'width="{width}" height="{height}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" {size}>'
    title = "<title>A run with an outage, its incident, and why one car did not open</title>"
    ground = f'<rect {size} rx="8" fill="#0d1117"/>'
    return "\n".join([head, title, f"<style>{style}</style>", ground, *drawn, "</svg>\n"])


def _row_at(number: int, frame: Frame) -> Row:
    return frame.rows[number] if number < len(frame.rows) else ()


def _drawn(row: Row, number: int, at: int, length: int, *, slots: int, is_last: bool) -> str:
    """Return a row that is shown from a slot on for some slots; the last ones stand still too."""
    y = MARGIN + LINE_Y * (number + 1) - 5
    texts = "".join(
        f'<text x="{MARGIN + piece.column * CHAR_X}" y="{y}"'
        f' class="{piece.colour or "n"}{" b" * piece.is_bold}"'
        f' textLength="{len(piece.text) * CHAR_X}">{escape(piece.text)}</text>'
        for piece in row
    )
    classes = " ".join([f"k{length}"] * (length < slots) + ["z"] * is_last)
    delay_s = (at - slots) * SLOT_S
    return f'<g class="{classes}" style="animation-delay:{delay_s:.1f}s">{texts}</g>'
