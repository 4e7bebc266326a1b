"""The model beside published measurements: which rows are in band, and how a figure is judged."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from bench.fidelity import __main__ as program
from bench.fidelity.figures import Row
from bench.fidelity.rows import ROWS
from tests.helpers.generated_pages import RENEW
from tests.helpers.places import ROOT

NOT_IN_BAND = {"lte_cdrx", "connection_life", "rental_starts"}
"""The rows that say why on the page."""


@pytest.fixture(scope="module", name="found_by")
def _found_by() -> Callable[[Callable[[], Row]], Row]:
    """Give what the model finds for a row, measured once; by a run of tests, not by its forks."""
    return cache(lambda row: row())


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.__name__)
def test_rows_are_in_band(
    found_by: Callable[[Callable[[], Row]], Row], row: Callable[[], Row]
) -> None:
    """All but those that are known not to be; one that comes into band has to leave that list."""
    found = found_by(row)
    outside = [figure.name for figure in found.figures if not figure.is_in_band]
    assert bool(outside) is (row.__name__ in NOT_IN_BAND), outside


def test_the_command_prints_a_table_and_writes_the_page_of_the_docs(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    found_by: Callable[[Callable[[], Row]], Row],
) -> None:
    """Letter by letter: every draw has its seed, so each run gives the same figures."""
    path = tmp_path / "page.md"
    monkeypatch.setattr(sys, "argv", ["fidelity", "--page", str(path)])
    monkeypatch.setattr(program, "all_rows", lambda: [found_by(row) for row in ROWS])
    program.main()
    printed, page = capsys.readouterr().out, path.read_text(encoding="utf-8")
    assert page == (ROOT / "docs" / "fidelity.md").read_text(encoding="utf-8"), RENEW
    assert all(f"{found_by(row).title}: " in printed for row in ROWS)
