"""Journals that releases recorded are judged as they were, or the changelog says otherwise."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.helpers import recorded_journals as helper
from tests.helpers.recorded_journals import (
    JUDGEMENTS,
    RENEW,
    differences,
    found_judgements,
    recorded_journals,
    renew,
)


@pytest.mark.parametrize(
    "directory", recorded_journals(), ids=lambda path: f"{path.parent.name}/{path.name}"
)
def test_a_recorded_journal_is_judged_as_it_was(directory: Path) -> None:
    """First mode of each unlock; title, kind and cars of each incident."""
    found = found_judgements(directory)
    assert found
    changed = "\n".join(differences(directory, found))
    assert not changed, f"{changed}\nif this is meant: {RENEW}, and say it in the changelog"


def test_renewing_says_what_differs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And leaves nothing that does."""
    monkeypatch.setattr(helper, "PLACE", tmp_path)
    copy = tmp_path / "0.0.0" / "some"
    shutil.copytree(min(recorded_journals_of_project()), copy)
    text = (copy / JUDGEMENTS).read_text()
    (copy / JUDGEMENTS).write_text(text + "unlock made-up unknown\n")
    assert "-unlock made-up unknown" in renew(copy)
    assert renew(copy) == []


def recorded_journals_of_project() -> list[Path]:
    """Return those that are committed, wherever the helper looks."""
    return sorted(path.parent for path in Path(__file__).parent.glob(f"*/*/{JUDGEMENTS}"))
