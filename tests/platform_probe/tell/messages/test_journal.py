"""What has been sent, on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from platform_probe.tell.messages import journal
from platform_probe.tell.messages.journal import Journal


def opened(path: Path) -> Journal:
    """Return a journal on a disk that takes everything."""
    return Journal(path, lambda error: pytest.fail(str(error)))


def test_the_latest_value_holds(tmp_path: Path) -> None:
    """What was forgotten stays forgotten. Others may not read what troubles customers have."""
    path = tmp_path / "deep" / "messages.jsonl"
    first = opened(path)
    first.write_entry("a", "1", {"x": 1})
    first.write_entry("a", "1", {"x": 2})
    first.write_entry("a", "2", {"x": 3})
    first.write_entry("b", "1", {"x": 4})
    first.write_entry("a", "2", None)
    first.write_entry("a", "unknown", None)
    again = opened(path)  # the first was killed
    assert again.values("a", dict[str, int]) == {"1": {"x": 2}}
    assert again.values("b", dict[str, int]) == {"1": {"x": 4}}
    assert len(path.read_bytes().splitlines()) == 2
    assert path.stat().st_mode & 0o777 == 0o640
    first.close()
    again.close()


def test_what_cannot_be_read_is_left_out_and_counted(tmp_path: Path) -> None:
    """A line that a killed process left unfinished, one of another program, another form."""
    path = tmp_path / "messages.jsonl"
    path.write_bytes(b'["a","1",1]\nnonsense\n["a","2","no number"]\n["a","3",3]\n["a","4",')
    kept = opened(path)
    assert kept.values("a", int) == {"1": 1, "3": 3}
    assert kept.unreadable == 3
    kept.write_entry("a", "5", 5)
    kept.close()
    assert opened(path).values("a", int) == {"1": 1, "3": 3, "5": 5}


def test_it_does_not_grow_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is written anew when most of its lines are old."""
    monkeypatch.setattr(journal, "WRITE_ANEW_AFTER", 10)
    path = tmp_path / "messages.jsonl"
    kept = opened(path)
    for number in range(100):
        kept.write_entry("a", "1", number)
    assert len(path.read_bytes().splitlines()) <= 13
    kept.close()
    assert opened(path).values("a", int) == {"1": 99}


def test_a_full_disk_is_told_and_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be written is remembered for as long as the process lives."""
    errors: list[OSError] = []
    kept = Journal(tmp_path / "messages.jsonl", errors.append)

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("platform_probe.journal.files.os.write", full)
    kept.write_entry("a", "1", 1)
    kept.write_entry("a", "2", None)
    assert [error.errno for error in errors] == [28]
    assert kept.values("a", int) == {"1": 1}
