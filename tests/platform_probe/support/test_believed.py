"""What a diagnosis believes, in words."""

from __future__ import annotations

import pytest

from fleet_wire.contract.diagnosis import FactSeen, RankedMode, Weighed
from fleet_wire.modes.catalogue import TITLES
from fleet_wire.modes.facts import FACTS, Fact, Told
from platform_probe.support.believed import (
    Revision,
    changes_of_mind,
    how_likely,
    reasons,
    title_of,
)

SEEN = FactSeen(Fact.NOT_DELIVERED, "the broker took the command, and the box was silent")
WEIGHED = (
    Weighed(Fact.NOT_DELIVERED, 2.0),
    Weighed(Fact.ALONE, 0.05),
    Weighed(Fact.MANY_AWAY, -1.0, is_seen=False),
)


def revision(after_s: float, mode: str, probability: float) -> Revision:
    """Return what was believed so long after the request."""
    modes = (
        RankedMode(mode, probability, WEIGHED),
        RankedMode("phone_side", 0.02),
        RankedMode("ghost_gps", 0.019),
    )
    told = frozenset(Told)
    return Revision(at_s=1e9 + after_s, after_s=after_s, modes=modes, facts=(SEEN,), told=told)


@pytest.mark.parametrize(
    ("probability", "said"),
    [
        (1.0, "almost certainly (99 %)"),
        (0.9, "almost certainly (90 %)"),
        (0.6, "probably (60 %)"),
        (0.3, "perhaps (30 %)"),
        (0.02, "2 %"),
        (0.0, "1 %"),
    ],
)
def test_probabilities_are_said_as_people_do(probability: float, said: str) -> None:
    """With their number; never that something is quite certain."""
    assert how_likely(probability) == said


def test_reasons_are_sentences() -> None:
    """For and against; what was not seen is said so, and what hardly counts is left out."""
    one = revision(20.0, "no_coverage_garage", 0.8)
    assert reasons(one, is_for=True) == [SEEN.sentence]
    (against,) = reasons(one, is_for=False)
    assert against == f"not seen: {FACTS[Fact.MANY_AWAY].meaning}"


def test_unlikely_modes_are_not_told() -> None:
    """From 2 % on they are."""
    assert [one.mode for one in revision(20.0, "unknown", 0.9).others] == ["phone_side"]


def test_change_of_mind_is_told_from_one_moment_to_the_next() -> None:
    """More of the same is no change."""
    garage, drained = "no_coverage_garage", "modem_search_drain"
    revisions = [
        revision(20.0, garage, 0.7),
        revision(22.0, garage, 0.8),
        revision(62.0, drained, 0.95),
    ]
    assert [*changes_of_mind(revisions)] == [
        f"20.0 s after the request: {TITLES[garage]}, probably (70 %)",
        f"42.0 s later: {TITLES[drained]}, almost certainly (95 %)",
    ]
    assert [*changes_of_mind(revisions[:2])] == []


def test_mode_of_another_version_keeps_its_name() -> None:
    """Better than none."""
    assert title_of("not_in_the_catalogue") == "not_in_the_catalogue"
    assert revision(20.0, "not_in_the_catalogue", 0.9).mode is None
