"""The score as a page."""

from __future__ import annotations

from bench.score.figures import by_loss, confusion, single_figures
from bench.score.picture import page_of
from tests.helpers.scored import CAN, KEY, case_of


def test_the_page_shows_what_was_taken_for_what() -> None:
    """Right ones in one colour, wrong ones in another, each with its number."""
    cases = [case_of(CAN, (CAN, 0.9)), case_of(CAN, (CAN, 0.8)), case_of(CAN, (KEY, 0.6))]
    figures = {"confusion": confusion(cases), "by_loss": by_loss(cases)}
    page = page_of({**single_figures(cases), **figures})
    assert f"taken for {CAN}: 2" in " ".join(page.split())
    assert f"taken for {KEY}: 1" in " ".join(page.split())
    assert 'fill="green"' in page
    assert 'fill="red"' in page
    assert "reliability diagram" in page
