"""The page of a result, and the badge of each client."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from fleet_sim.pages.page_data import Badge, Tile
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
    told = [each for each in unlocks if each.grade in LIES]
    page = render(
        "truth_report.html",
        badge=Badge(f"✗ Fail: {len(failed)}", "fail") if failed else Badge("Graded", "none"),
        facts={
            "profile": result.profile,
            "seed": str(result.seed),
            "lasted": readable.duration(result.duration_s),
            "unlocks": readable.count(len(unlocks)),
        },
        failed=failed,
        tiles=[
            Tile(
                name,
                share_text(client.total).partition("(")[0],
                f"of {number_of(client.total)} unlocks in failure modes;"
                f" untrue: {number_of(client.total, LIES)}",
            )
            for name, client in result.clients.items()
        ],
        clients=result.clients,
        modes=_modes(result),
        all_modes=ALL_MODES,
        grades=[*Grade],
        words=WORDS,
        colours=COLOURS,
        meanings=MEANINGS,
        share_text=share_text,
        number_of=number_of,
        examples=_examples(told),
        told=readable.number_of(len(told), "unlock"),
        command=shlex.join(words),
    )
    write_whole(directory / PAGE, page.encode(), FOR_GROUP)
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


def _modes(result: TruthResult) -> list[str]:
    """Return the modes, the worst first by all clients together."""
    together: dict[str, Counts] = {}
    for client in result.clients.values():
        for mode, counts in client.modes.items():
            sums = together.setdefault(mode, {})
            for grade, number in counts.items():
                sums[grade] = sums.get(grade, 0) + number
    return [mode for mode, _ in pooled(together)]


def _examples(told: Sequence[GradedUnlock]) -> list[GradedUnlock]:
    found = {(each.client, each.mode, each.grade): each for each in reversed(told)}
    return sorted(found.values(), key=lambda each: (each.client, each.mode))[:MOST_EXAMPLES]
