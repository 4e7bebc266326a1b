"""Journals that releases recorded are judged as they were, or the changelog says otherwise."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from platform_probe.journal.codec import letters_of
from platform_probe.journal.reader import JournalReader
from platform_probe.judge.judge import UNJUDGED
from platform_probe.judge.weights import shipped_ranking
from platform_probe.judge_process.outlets import judge_of
from platform_probe.settings.monitor import ProbeSettings
from tests.helpers.recorded_journals import (
    PLACE,
    RENEW,
    expected_judgements,
    found_judgements,
    recorded_journals,
    unpacked,
)


@pytest.mark.parametrize(
    "directory", recorded_journals(), ids=lambda path: f"{path.parent.name}/{path.name}"
)
def test_a_recorded_journal_is_judged_as_it_was(directory: Path) -> None:
    """First mode of each unlock; title, kind and cars of each incident."""
    found = found_judgements(directory).splitlines()
    assert found
    said = f"if this is meant: {RENEW}, and say it in the changelog"
    assert found == expected_judgements(directory).splitlines(), said


@pytest.mark.parametrize("name", ["carrier_outage", "slow_database"])
def test_what_no_judgement_follows_from_can_be_passed_over(name: str) -> None:
    """The judge of a monitor without a store does not read it, and says the same to the byte."""
    (directory,) = PLACE.glob(f"0.3.0/{name}")
    with unpacked(directory) as journal:
        every, judged = _judged(journal, b"")
        fewer, judged_of_fewer = _judged(journal, letters_of(UNJUDGED))
    assert (fewer < every, judged_of_fewer) == (True, judged)


def _judged(directory: Path, without: bytes) -> tuple[int, list[bytes]]:
    """Return how many entries were read, and what is judged of them."""
    judge, entries, judged = judge_of(ProbeSettings(), shipped_ranking()), 0, list[bytes]()
    reader = JournalReader(directory, without=without)
    while batch := reader.read():
        entries += len(batch.entries)
        for entry in batch.entries:
            judged += map(msgspec.json.encode, judge.apply(entry))
    reader.close()
    return entries, judged
