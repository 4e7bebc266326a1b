"""Tests of `fleet_sim.runs.lines`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fleet_sim.runs.lines import LineFiles
from fleet_wire.errors import LimitError


def test_each_record_is_on_its_way_at_once(tmp_path: Path) -> None:
    """A reader sees it before the file is closed; afterwards none is taken."""
    path = tmp_path / "records.jsonl"
    files = LineFiles(tmp_path)
    files.append("records.jsonl", {"a": 1})
    assert path.read_text() == '{"a":1}\n'
    append = files.opened("others.jsonl")
    assert (tmp_path / "others.jsonl").read_text() == ""
    append({"a": 2})
    files.close()
    append({"a": 3})
    files.append("records.jsonl", {"a": 3})
    assert (tmp_path / "others.jsonl").read_text() == '{"a":2}\n'
    assert path.read_text() == '{"a":1}\n'


def test_a_full_disk_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The model goes on: whoever runs it decides."""
    errors: list[LimitError] = []

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    files = LineFiles(tmp_path, errors.append)
    monkeypatch.setattr(os, "write", full)
    for _ in range(3):
        files.append("records.jsonl", {"a": 1})
    with pytest.raises(LimitError, match=r"records\.jsonl: No space left on device"):
        LineFiles(tmp_path).append("records.jsonl", {"a": 1})
    monkeypatch.undo()
    (error,) = errors
    assert "records.jsonl: No space left on device" in str(error)
