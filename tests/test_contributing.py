"""CONTRIBUTING.md holds: who follows a row touches what it names, and the checks pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.contributions import CONTRIBUTIONS, TABLE, Contribution
from tests.helpers.pages import rows
from tests.helpers.places import ROOT

NAMED_BY_ANOTHER_ROW = ("tests/",)
"""A contribution's tests are in the folder that mirrors its module's: the row "a test"."""


@pytest.mark.long
@pytest.mark.broker
@pytest.mark.browser
@pytest.mark.prometheus
@pytest.mark.parametrize("contribution", CONTRIBUTIONS, ids=lambda each: each.adds)
def test_a_row_names_all_that_a_contribution_touches(
    contribution: Contribution, tmp_path: Path
) -> None:
    """Its checks pass in a copy of the project, and no file differs that the row does not name."""
    places = contribution.places()
    touched = contribution.make(tmp_path / "project")
    assert touched >= {edit.path for edit in contribution.edits}
    named = (*places, *NAMED_BY_ANOTHER_ROW)
    assert [name for name in sorted(touched) if not name.startswith(named)] == []


def test_files_that_rows_name_exist() -> None:
    """A contributor who follows a row finds what it names."""
    paths = {path for adds, _ in rows(TABLE) for path in Contribution(adds, (), ()).places()}
    assert len(paths) > 60
    assert all((ROOT / path).exists() for path in paths)
