"""The report's part on customers and the platform: values for the template."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fleet_sim.pages.page_data import Tile
from fleet_sim.results import readable
from fleet_sim.results.safety import KINDS
from fleet_wire.contract.problems import GENERIC, PROBLEMS

_NOTES = {
    "after_life": "moved after the life of their command",
    "after_booking": "moved after their booking's end",
    "executed_twice": "moved twice for one command",
    "without_right": "moved for a command without a right to it",
    "told_open": "said to be open, and not unlocked",
    "told_locked": "said to be locked, and not locked",
}


@dataclass(frozen=True, slots=True)
class HopRow:
    """A hop before MQTT, or around it."""

    hop: str
    p50: str
    p95: str
    p99: str


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """A problem that phones were answered."""

    problem: str
    status: str
    answers: str
    sentence: str
    is_generic: bool


@dataclass(frozen=True, slots=True)
class CustomersPart:
    """The customers' experience, the answers to phones, and the verdict on safety."""

    caption: str
    tiles: list[Tile]
    hops: list[HopRow]
    answers: list[AnswerRow]
    """The most frequent problem first."""
    safety: str


def customers_part(summary: Mapping[str, Any]) -> CustomersPart | None:
    """Return the page's part on customers; None where none came."""
    customers, platform = summary.get("customers"), summary.get("platform")
    if not isinstance(customers, Mapping) or not isinstance(platform, Mapping):
        return None
    if not customers["total"]:
        return None
    return CustomersPart(
        caption=_caption(customers),
        tiles=_tiles(customers, platform),
        hops=_hops(customers, platform),
        answers=_answers(platform["by_problem"]),
        safety=safety_in_words(summary["safety"]),
    )


def _caption(customers: Mapping[str, Any]) -> str:
    count = readable.count
    return (
        f"{count(customers['total'])} customers opened the app, {count(customers['pressed'])} came"
        f" to a car and pressed unlock, {count(customers['opened'])} got in."
    )


def _tiles(customers: Mapping[str, Any], platform: Mapping[str, Any]) -> list[Tile]:
    count, share, to_open = readable.count, readable.share, customers["to_open"]
    pressed = f"of {count(customers['pressed'])} who pressed"
    return [
        Tile("At the first press", share(customers["first_press_share"]), f"opened, {pressed}"),
        Tile("Pressed again", count(customers["pressed_again"]), pressed),
        Tile("Gave up", count(customers["gave_up"]), pressed),
        Tile("Called support", count(customers["called_support"]), "of those who gave up"),
        Tile("Press to door p50", readable.duration(to_open["p50_s"]), "hand on the handle too"),
        Tile("Press to door p95", readable.duration(to_open["p95_s"]), "hand on the handle too"),
        Tile(
            "Generic answers",
            share(platform["generic_share"]),
            f"explain nothing, of {count(platform['answers'])}",
        ),
    ]


def _hops(customers: Mapping[str, Any], platform: Mapping[str, Any]) -> list[HopRow]:
    hops = {
        "unlock: request to publish (gateway, bookings, the car's turn, waking it)": "to_publish",
        "unlock: request to answer, as the phone asked to wait": "to_answer",
    }
    rows = [_hop(words, platform[key]) for words, key in hops.items()]
    return [*rows, _hop("first press to open door", customers["to_open"])]


def _hop(words: str, times: Mapping[str, float | None]) -> HopRow:
    p50, p95, p99 = (readable.duration(times[key]) for key in ("p50_s", "p95_s", "p99_s"))
    return HopRow(words, p50, p95, p99)


def _answers(by_problem: Mapping[str, int]) -> list[AnswerRow]:
    found = sorted(by_problem.items(), key=lambda pair: (-pair[1], pair[0]))
    return [
        AnswerRow(
            problem=slug,
            status=str(PROBLEMS[slug].status),
            answers=readable.count(number),
            sentence=PROBLEMS[slug].sentence,
            is_generic=slug in GENERIC,
        )
        for slug, number in found
        if number and slug in PROBLEMS
    ]


def safety_in_words(safety: Mapping[str, Any]) -> str:
    """Return whether anything happened that must not, in a sentence or two."""
    moved = f"{readable.count(safety['movements'])} movements of locks"
    if not safety["findings"]:
        return f"{moved}, each within its command's life and its booking, and by right."
    kinds = [f"{readable.count(safety[kind])} {_NOTES[kind]}" for kind in KINDS if safety[kind]]
    behind = safety["unexplained"]
    explained = (
        f"no fault was at work on {readable.count(behind)} of them"
        if behind
        else "a fault was at work on each"
    )
    return f"{moved}, and {'; '.join(kinds)}: {explained}."
