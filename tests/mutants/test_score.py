"""How much of what can be noticed was."""

from __future__ import annotations

from pathlib import Path

from tests.helpers.mutants import Score, percent_of


def score_of(*, tried: int, noticed: int, equivalent: int) -> Score:
    """Return the score of a file."""
    return Score(Path("a.py"), tried, noticed, equivalent, survivors=())


def test_the_share_of_all_counts_each_change_once() -> None:
    """A file with few changes weighs little; what nobody can notice is left out."""
    large = score_of(tried=101, noticed=99, equivalent=1)
    small = score_of(tried=2, noticed=1, equivalent=0)
    assert (large.percent, small.percent) == (99.0, 50.0)
    assert percent_of([large, small]) == 100 * 100 / 102
    assert percent_of([]) == 100.0
