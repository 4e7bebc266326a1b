"""Sinks: lines on disk, and isolation of one that fails."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fleet_wire.contract.attempt import Attempt, Complaint, Record, Source, StrayAnswer
from fleet_wire.errors import LimitError
from platform_probe.journal.files import Rotation
from platform_probe.outputs.sinks import (
    ATTEMPTS_FILE,
    COMPLAINTS_FILE,
    FLOOR_FILE,
    STRAYS_FILE,
    FanOut,
    JsonlSink,
    Sink,
)
from tests.helpers.leaks import left_behind_by
from tests.helpers.records import COMPLAINT, STRAY, ListSink, attempt_of


class BrokenSink:
    """Takes nothing."""

    def emit(self, record: Record) -> None:
        """Fail."""
        raise RuntimeError(f"no place for {record.vehicle_id}")


def test_each_kind_of_record_has_its_file(tmp_path: Path) -> None:
    """Each line is a whole record, and on disk when `emit` returns; a second run appends."""

    def written(name: str, kind: type) -> list[Any]:
        lines = (tmp_path / "out" / name).read_bytes().splitlines()
        return [msgspec.json.decode(line, type=kind) for line in lines]

    with JsonlSink(tmp_path / "out") as sink:
        for record in (attempt_of(), attempt_of(source=Source.FLOOR), STRAY, COMPLAINT):
            sink.emit(record)
        assert written(ATTEMPTS_FILE, Attempt) == [attempt_of()]
    with JsonlSink(tmp_path / "out") as sink:
        sink.emit(attempt_of(region="north"))
    assert written(ATTEMPTS_FILE, Attempt) == [attempt_of(), attempt_of(region="north")]
    assert written(FLOOR_FILE, Attempt) == [attempt_of(source=Source.FLOOR)]
    assert written(STRAYS_FILE, StrayAnswer) == [STRAY]
    assert written(COMPLAINTS_FILE, Complaint) == [COMPLAINT]


def test_records_are_bounded_and_not_for_everybody(tmp_path: Path) -> None:
    """Whatever comes, and of each kind: so many files of such a size, for owner and group."""
    rotation = Rotation(max_bytes=5_000, period_s=86_400.0, kept=2)
    with JsonlSink(tmp_path, rotation) as sink:
        for _ in range(100):
            for record in (attempt_of(), attempt_of(source=Source.FLOOR), STRAY, COMPLAINT):
                sink.emit(record)
    files = list(tmp_path.iterdir())
    assert {path.name.split(".")[0] for path in files} == {
        "attempts",
        "floor",
        "stray_answers",
        "complaints",
    }
    assert len(files) == 12
    for path in files:
        assert path.stat().st_size <= 5_000
        assert path.stat().st_mode & 0o777 in (0o600, 0o640)


def test_full_disk_names_path_and_command(tmp_path: Path) -> None:
    """The error says which file could not be written, and how to look."""
    (tmp_path / ATTEMPTS_FILE).symlink_to("/dev/full")
    with JsonlSink(tmp_path) as sink, pytest.raises(LimitError) as caught:
        sink.emit(attempt_of())
    assert str(tmp_path / ATTEMPTS_FILE) in str(caught.value)
    assert "No space left on device" in str(caught.value)
    assert f"df -h {tmp_path}" in caught.value.cure


def test_half_a_line_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fills up within a line leaves whole lines only."""
    with JsonlSink(tmp_path) as sink:
        sink.emit(attempt_of())
        write, calls = os.write, iter([True, False])

        def full_soon(descriptor: int, data: bytes) -> int:
            if next(calls):
                return write(descriptor, data[:10])
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(os, "write", full_soon)
            with pytest.raises(LimitError):
                sink.emit(attempt_of(region="lost"))
        sink.emit(attempt_of(region="north"))
    lines = (tmp_path / ATTEMPTS_FILE).read_bytes().splitlines()
    regions = [msgspec.json.decode(line, type=Attempt).region for line in lines]
    assert regions == ["centre", "north"]


def test_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """A file in the way is the user's to move: say where it is."""
    (tmp_path / "file").write_text("")
    with pytest.raises(LimitError, match=r"cannot write .*/file/out"):
        JsonlSink(tmp_path / "file" / "out")


def test_failing_sink_starves_no_other() -> None:
    """Sinks before and after a broken one get every record but the one that needs it.

    A record that is not on disk is not counted; the log has it all the same.
    """
    first, metrics, log = ListSink(), ListSink(), ListSink()
    errors: list[tuple[str, str]] = []
    sinks: dict[str, Sink] = {"otlp": first, "jsonl": BrokenSink(), "metrics": metrics, "log": log}
    fan_out = FanOut(
        sinks,
        on_error=lambda name, error: errors.append((name, str(error))),
        needs={"metrics": "jsonl"},
    )
    fan_out.emit(STRAY)
    fan_out.emit(attempt_of())
    assert first.records == log.records == [STRAY, attempt_of()]
    assert metrics.records == []
    assert errors == [("jsonl", "no place for car-1")] * 2


def test_records_of_one_turn_are_handed_on_together(tmp_path: Path) -> None:
    """They are written by the end of the turn, in order, each kind to its file, then counted."""
    turn: list[Callable[[], None]] = []
    metrics = ListSink()
    records: list[Record] = [attempt_of(), STRAY, attempt_of(region="north")]
    with JsonlSink(tmp_path) as jsonl:
        fan_out = FanOut({"jsonl": jsonl, "metrics": metrics}, on_error=_raise, soon=turn.append)
        for record in records:
            fan_out.emit(record)
        assert metrics.records == []
        (end_of_turn,) = turn
        end_of_turn()
        lines = (tmp_path / ATTEMPTS_FILE).read_bytes().splitlines()
        assert [msgspec.json.decode(line, type=Attempt) for line in lines] == records[::2]
        assert len((tmp_path / STRAYS_FILE).read_bytes().splitlines()) == 1
        assert metrics.records == records
        fan_out.emit(STRAY)
        fan_out.flush()
        assert metrics.records == [*records, STRAY]


def test_what_could_not_be_written_together_is_not_counted(tmp_path: Path) -> None:
    """Each record of the turn is lost, and told of; the next turn may go well."""
    turn: list[Callable[[], None]] = []
    lost: list[str] = []
    metrics, directory = ListSink(), tmp_path / "out"
    with JsonlSink(directory) as jsonl:
        fan_out = FanOut(
            {"jsonl": jsonl, "metrics": metrics},
            on_error=lambda name, _: lost.append(name),
            needs={"metrics": "jsonl"},
            soon=turn.append,
        )
        shutil.rmtree(directory)
        fan_out.emit(STRAY)
        fan_out.emit(attempt_of())
        turn.pop()()
        assert (lost, metrics.records) == (["jsonl"] * 2, [])
        directory.mkdir()
        fan_out.emit(STRAY)
        turn.pop()()
        assert metrics.records == [STRAY]


def _raise(_name: str, error: Exception) -> None:
    raise error


def test_what_was_written_is_not_kept_in_memory(tmp_path: Path) -> None:
    """A monitor runs for months: msgspec kept an iterator of each write, and some records."""
    records = (attempt_of(), attempt_of(source=Source.FLOOR), STRAY, COMPLAINT)
    with JsonlSink(tmp_path) as sink:
        assert left_behind_by(lambda: sink.emit(records[0])) == {}
        assert left_behind_by(lambda: sink.emit_together(records)) == {}
