"""The page of a result, and the badge of each client."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fleet_sim.pages.page_data import Badge, LegendEntry, Tile
from fleet_sim.pages.rendering import render
from fleet_sim.results import readable
from fleet_sim.truth.grading import LIES, Grade
from fleet_sim.truth.outputs import ALL_MODES, WORDS, share_text
from fleet_sim.truth.score import (
    Counts,
    GradedUnlock,
    TruthResult,
    number_of,
    pooled,
    true_share,
)
from fleet_wire.private_files import FOR_GROUP, write_whole

PAGE: Final = "report.html"
BADGE: Final = "badge.svg"
MOST_EXAMPLES: Final = 40
COLOURS: Final = {
    Grade.TRUE: "#0a9d74",
    Grade.LATE: "#8fc7a8",
    Grade.SILENT: "#b9c2ca",
    Grade.STUCK: "#8894a0",
    Grade.STALE: "#e3b341",
    Grade.FALSE_FAILURE: "#e8833a",
    Grade.FALSE_SUCCESS: "#cf3a24",
    Grade.OLD_COMMAND: "#8e1b52",
}
MEANINGS: Final = {
    Grade.TRUE: "The client said how the unlock ended, in time.",
    Grade.LATE: "It said so after the customer's patience.",
    Grade.SILENT: "It said nothing of how the unlock ended.",
    Grade.STUCK: "It still shows that the request is under way.",
    Grade.STALE: "The screen shows what is no longer so.",
    Grade.FALSE_FAILURE: "It said that the car stays locked, and the door opened.",
    Grade.FALSE_SUCCESS: "It said that the car is open, and the door was locked.",
    Grade.OLD_COMMAND: "The door opened by an old request, when nobody wanted it.",
}
_GOOD, _FAIR = 0.9, 0.7


@dataclass(frozen=True, slots=True)
class BarPart:
    """One colour of a bar."""

    colour: str
    width_percent: str
    title: str


@dataclass(frozen=True, slots=True)
class Cell:
    """The grades of one mode and client."""

    share: str
    bar: list[BarPart]


@dataclass(frozen=True, slots=True)
class ModeRow:
    """One mode, with a cell for each client; None where it does not answer for the mode."""

    mode: str
    cells: list[Cell | None]


@dataclass(frozen=True, slots=True)
class Example:
    """An unlock about which the user was told something untrue."""

    client: str
    mode: str
    vehicle_id: str
    grade: LegendEntry
    why: str


@dataclass(frozen=True, slots=True)
class TruthPage:
    """Everything that the page shows, in its order."""

    badge: Badge
    facts: dict[str, str]
    headline: str
    tiles: list[Tile]
    legend: list[tuple[LegendEntry, str]]
    clients: list[str]
    modes: list[ModeRow]
    examples: list[Example]
    examples_caption: str
    command: str


def write_page(
    directory: Path,
    result: TruthResult,
    unlocks: Sequence[GradedUnlock],
    *,
    failed: Sequence[str],
    words: Sequence[str],
) -> Path:
    """Write the page, and a badge for each client; return the page's path.

    `failed` has a line for each expectation that is not met, `words` are those of the command.
    """
    for name, client in result.clients.items():
        write_whole(directory / name / BADGE, badge_of(client.total).encode(), FOR_GROUP)
    page = _page(result, unlocks, failed, words)
    write_whole(directory / PAGE, render("truth_report.html", page=page).encode(), FOR_GROUP)
    return directory / PAGE


def badge_of(counts: Counts) -> str:
    """Return a badge in SVG with the share of true grades."""
    share = true_share(counts)
    if share is None:
        return render("truth_badge.svg", text="not graded", colour="#8894a0")
    colour = COLOURS[Grade.TRUE] if share.value >= _GOOD else "#c98a14"
    if share.value < _FAIR:
        colour = COLOURS[Grade.FALSE_SUCCESS]
    return render("truth_badge.svg", text=f"{100 * share.value:.0f} % true", colour=colour)


def _page(
    result: TruthResult,
    unlocks: Sequence[GradedUnlock],
    failed: Sequence[str],
    words: Sequence[str],
) -> TruthPage:
    told = [each for each in unlocks if each.grade in LIES]
    return TruthPage(
        badge=Badge(f"✗ Fail: {len(failed)}", "fail") if failed else Badge("Graded", "none"),
        facts={
            "profile": result.profile,
            "seed": str(result.seed),
            "lasted": readable.duration(result.duration_s),
            "unlocks": readable.count(len(unlocks)),
        },
        headline="; ".join(failed),
        tiles=[
            Tile(name, share_text(client.total).partition("(")[0], _note(client.total))
            for name, client in result.clients.items()
        ],
        legend=[(LegendEntry(WORDS[it], COLOURS[it]), MEANINGS[it]) for it in Grade],
        clients=[*result.clients],
        modes=_rows(result),
        examples=[_example(each) for each in _examples(told)],
        examples_caption=(
            f"The user was told something untrue about {readable.number_of(len(told), 'unlock')}."
            " One of each mode, client and grade; truth.jsonl has all."
        ),
        command=shlex.join(words),
    )


def _note(counts: Counts) -> str:
    return f"of {number_of(counts)} unlocks in failure modes; untrue: {number_of(counts, LIES)}"


def _rows(result: TruthResult) -> list[ModeRow]:
    """Return the modes, worst first by all clients together, with all of them as last row."""
    together: dict[str, Counts] = {}
    for client in result.clients.values():
        for mode, counts in client.modes.items():
            sums = together.setdefault(mode, {})
            for grade, number in counts.items():
                sums[grade] = sums.get(grade, 0) + number
    order = [mode for mode, _ in pooled(together)]
    rows = [
        ModeRow(mode, [_cell(client.modes.get(mode)) for client in result.clients.values()])
        for mode in order
    ]
    total = ModeRow(ALL_MODES, [_cell(client.total) for client in result.clients.values()])
    return [total, *rows]


def _cell(counts: Mapping[Grade, int] | None) -> Cell | None:
    if not counts:
        return None
    total = number_of(dict(counts))
    parts = [
        BarPart(COLOURS[grade], f"{100 * counts[grade] / total:.3f}", _title(grade, counts[grade]))
        for grade in Grade
        if counts.get(grade)
    ]
    return Cell(share_text(dict(counts)), parts)


def _title(grade: Grade, number: int) -> str:
    return f"{WORDS[grade]}: {number}"


def _examples(told: Sequence[GradedUnlock]) -> list[GradedUnlock]:
    found = {(each.client, each.mode, each.grade): each for each in reversed(told)}
    return sorted(found.values(), key=lambda each: (each.client, each.mode))[:MOST_EXAMPLES]


def _example(each: GradedUnlock) -> Example:
    entry = LegendEntry(WORDS[each.grade], COLOURS[each.grade])
    return Example(each.client, each.mode, each.vehicle_id, entry, each.why)
