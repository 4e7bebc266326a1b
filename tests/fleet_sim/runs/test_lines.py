"""Tests of `fleet_sim.runs.lines`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fleet_sim.runs.lines import LineFile
from fleet_wire.errors import LimitError


def test_each_record_is_on_its_way_at_once(tmp_path: Path) -> None:
    """A reader sees it before the file is closed; afterwards none is taken."""
    errors: list[str] = []
    path = tmp_path / "records.jsonl"
    with LineFile(path, lambda name, _error: errors.append(name)) as file:
        file.append({"a": 1})
        assert path.read_text() == '{"a":1}\n'
        file.append({"a": 2})
    file.append({"a": 3})
    assert path.read_text() == '{"a":1}\n{"a":2}\n'
    assert not errors


def test_a_full_disk_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The model goes on: whoever runs it decides."""
    errors: list[LimitError] = []

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with LineFile(tmp_path / "records.jsonl", lambda _name, error: errors.append(error)) as file:
        monkeypatch.setattr(os, "write", full)
        for _ in range(3):
            file.append({"a": 1})
        monkeypatch.undo()
    (error,) = errors
    assert "records.jsonl: No space left on device" in str(error)
