"""A journal read while it is written to, afterwards, and when parts of it are gone or torn."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fleet_wire.errors import ConfigError
from platform_probe.journal import files
from platform_probe.journal.codec import json_line
from platform_probe.journal.entries import Entry, RecordWritten, Tick
from platform_probe.journal.reader import JournalReader, entries_in
from platform_probe.journal.segments import segments_in
from platform_probe.journal.writer import JournalWriter
from tests.helpers.journals import journal_writer
from tests.helpers.records import attempt_of


def writer_of(directory: Path, *, segment_bytes: int = 200, **changes: Any) -> JournalWriter:
    """Return a writer of small segments."""
    writer = journal_writer(directory, **changes)
    writer.segment_bytes = segment_bytes
    return writer


def ticks(first: int, last: int) -> list[Entry]:
    """Return ticks of these seconds."""
    return [Tick(float(at), 0.0) for at in range(first, last)]


def put(writer: JournalWriter, entries: list[Entry]) -> None:
    """Write entries, one by one."""
    for entry in entries:
        writer.append(entry)
        writer.flush()


def rest_of(reader: JournalReader) -> Iterator[Entry]:
    """Yield what has come."""
    while (batch := reader.read()) is not None:
        yield from batch.entries


def test_it_is_read_as_it_grows(tmp_path: Path) -> None:
    """Over all its segments, each entry once."""
    reader = JournalReader(tmp_path)
    assert reader.read() is None
    with writer_of(tmp_path) as writer:
        for first in range(0, 60, 7):
            put(writer, ticks(first, first + 7))
            assert [*rest_of(reader)] == ticks(first, first + 7)
    assert reader.read() is None
    assert len(segments_in(tmp_path)) > 3
    reader.close()


@pytest.mark.parametrize("until", [0, 1, 13, 40])
def test_it_is_read_from_any_position(tmp_path: Path, until: int) -> None:
    """A process that starts goes on where another one had been."""
    with writer_of(tmp_path) as writer:
        put(writer, ticks(0, until))
        first = JournalReader(tmp_path)
        assert len([*rest_of(first)]) == until
        first.close()
        put(writer, ticks(until, 50))
    assert [*entries_in(tmp_path, first.position)] == ticks(until, 50)


def test_nothing_after_a_position_is_read(tmp_path: Path) -> None:
    """Of the same segment."""
    with writer_of(tmp_path, segment_bytes=10_000) as writer:
        put(writer, ticks(0, 10))
        first = JournalReader(tmp_path)
        [*rest_of(first)]
        put(writer, ticks(10, 20))
        second = JournalReader(tmp_path)
        batch = second.read(first.position)
        assert batch is not None
        assert batch.entries == ticks(0, 10)
        first.close()
        second.close()


def test_the_next_process_writes_on(tmp_path: Path) -> None:
    """Behind what an earlier one left, also where that one was killed amid a line."""
    with writer_of(tmp_path, segment_bytes=10_000) as writer:
        put(writer, ticks(0, 5))
    (segment,) = segments_in(tmp_path)
    left = segment.path.with_suffix(".open")
    segment.path.rename(left)
    left.write_bytes(left.read_bytes() + b"T5.0 12")
    with writer_of(tmp_path) as writer:
        put(writer, ticks(5, 9))
    reader = JournalReader(tmp_path)
    assert [*rest_of(reader)] == ticks(0, 9)
    assert reader.unreadable == 1


def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    """Two monitors would write into each other's journal."""
    with writer_of(tmp_path), pytest.raises(ConfigError, match="another monitor writes"):
        writer_of(tmp_path)


def test_old_segments_go(tmp_path: Path) -> None:
    """While all of them are too much; who reads is told how many were gone."""
    with writer_of(tmp_path, max_bytes=1_000) as writer:
        put(writer, ticks(0, 10))
        reader = JournalReader(tmp_path)
        assert len([*rest_of(reader)]) == 10
        put(writer, ticks(10, 200))
    assert sum(each.path.stat().st_size for each in segments_in(tmp_path)) <= 1_200
    rest = [entry.at for entry in rest_of(reader)]
    assert rest == sorted({*rest})
    assert rest[-1] == 199.0
    assert len(rest) < 190
    assert reader.missed > 0
    reader.close()


def test_what_a_full_disk_does_not_take_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is written once there is room, in order, and nothing is lost."""
    problems: list[str] = []
    writer = journal_writer(tmp_path, on_problem=problems.append)
    put(writer, ticks(0, 3))
    append = files.AppendedFile.append

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.AppendedFile, "append", full)
    put(writer, ticks(3, 6))
    assert writer.waiting_bytes > 0
    monkeypatch.setattr(files.AppendedFile, "append", append)
    writer.close()
    assert [*entries_in(tmp_path)] == ticks(0, 6)
    assert "No space left" in problems[0]


def test_what_finds_no_room_in_memory_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that takes nothing for long cannot fill the memory."""
    monkeypatch.setattr("platform_probe.journal.writer.MAX_WAITING_BYTES", 30)
    lost: list[int] = []
    writer = journal_writer(tmp_path, on_lost=lost.append)
    for entry in ticks(0, 10):
        writer.append(entry)
    writer.close()
    assert len([*entries_in(tmp_path)]) == 10 - sum(lost)
    assert sum(lost) > 0


def test_a_record_has_one_json_for_all_who_write_it(tmp_path: Path) -> None:
    """The one of its entry; a record that came long ago, or never, has its own."""
    first, second, strange = (attempt_of(region=name) for name in ("north", "south", "west"))
    with journal_writer(tmp_path) as writer:
        for record in (first, second):
            put(writer, [RecordWritten(1.0, record)])
        lines = [*map(writer.json_line, (first, second, strange))]
    assert lines == [*map(json_line, (first, second, strange))]
