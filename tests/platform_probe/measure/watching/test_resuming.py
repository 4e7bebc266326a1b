"""What a measuring process finds in the journal of the one before it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from fleet_wire.contract.attempt import Attempt
from fleet_wire.contract.platform_log import PlatformEvent, PlatformStep
from platform_probe.journal.entries import (
    LogPosition,
    MonitorStopped,
    PlatformLine,
    RecordWritten,
    Tick,
)
from platform_probe.measure.watching.resuming import (
    UNDER_WAY_S,
    LogPositions,
    complete_records,
    open_resumed,
    read_before,
)
from platform_probe.measure.watching.tailed_file import TailedFile
from tests.helpers.journals import put
from tests.helpers.records import COMPLAINT, attempt_of

WITHIN_S = 600.0
REQUESTED = PlatformEvent(PlatformStep.REQUESTED, 1.0, "r-1", "unlock")


def named(attempt_id: str) -> Attempt:
    """Return an unlock of this id."""
    return msgspec.structs.replace(attempt_of(), attempt_id=attempt_id)


def positions_of(path: Path) -> tuple[TailedFile, LogPositions, list[LogPosition]]:
    """Follow a log from its end; return what is noted of it at second 0."""
    file, noted = TailedFile(path, max_line_bytes=1_000), list[LogPosition]()
    positions = LogPositions(
        file, path, note=lambda place: noted.append(LogPosition(0.0, place)), on_end=lambda: None
    )
    return file, positions, noted


def test_what_was_under_way_is_told(tmp_path: Path) -> None:
    """The last minute and a half: older unlocks have a record. After an orderly end nothing was."""
    assert read_before(tmp_path / "none") is None
    old, late = named("old"), named("late")
    put(
        tmp_path,
        PlatformLine(0.0, msgspec.structs.replace(REQUESTED, request_id="r-0")),
        RecordWritten(1.0, old),
        PlatformLine(UNDER_WAY_S, REQUESTED),
        RecordWritten(UNDER_WAY_S + 1.0, late),
        Tick(UNDER_WAY_S + 2.0, 0.0),
        RecordWritten(UNDER_WAY_S + 5.0, COMPLAINT),
    )
    before = read_before(tmp_path)
    assert before is not None
    assert before.events == [REQUESTED]
    assert before.records == [late, COMPLAINT]
    assert before.attempts == [late]
    assert not before.is_stop
    put(tmp_path, MonitorStopped(UNDER_WAY_S + 6.0))
    ended = read_before(tmp_path)
    assert ended is not None
    assert ended.is_stop


@pytest.mark.parametrize(("away_s", "lines"), [(WITHIN_S, [b"between"]), (WITHIN_S + 1.0, [])])
def test_the_log_is_read_on_where_the_journal_ends(
    tmp_path: Path, away_s: float, lines: list[bytes]
) -> None:
    """What happened longer ago is history, and somebody is told that it was missed."""
    log = tmp_path / "platform.jsonl"
    log.write_bytes(b"long ago\n")
    file, positions, noted = positions_of(log)
    with log.open("ab") as appended:
        appended.write(b"read\n")
    assert file.read() == [b"read"]
    positions.taken(is_end=False)
    put(tmp_path / "journal", *noted)
    with log.open("ab") as appended:
        appended.write(b"between\n")
    before = read_before(tmp_path / "journal")
    resumed = open_resumed(log, before, unix_s=away_s, within_s=WITHIN_S)
    assert resumed.file.read() == lines
    assert resumed.has_missed is (not lines)
    other = tmp_path / "another.jsonl"
    other.write_bytes(b"long ago\n")
    elsewhere = open_resumed(other, before, unix_s=away_s, within_s=WITHIN_S)
    assert (elsewhere.file.read(), elsewhere.file.is_resumed) == ([], False), "it is another log"
    for each in (file, resumed.file, elsewhere.file):
        each.close()


def test_the_end_of_the_log_is_told_once(tmp_path: Path) -> None:
    """When all that was missed is taken."""
    log, ends = tmp_path / "platform.jsonl", list[None]()
    log.touch()
    file = TailedFile(log, max_line_bytes=1_000)
    positions = LogPositions(file, log, note=lambda _: None, on_end=lambda: ends.append(None))
    for is_end in (False, True, False, True):
        positions.taken(is_end)
    assert len(ends) == 1
    file.close()


def test_records_that_only_the_journal_has_are_completed(tmp_path: Path) -> None:
    """Each in its file, once; what stands there already stays as it is."""
    known, missing = named("known"), named("missing")
    path = tmp_path / "attempts.jsonl"
    path.write_bytes(msgspec.json.encode(known) + b"\n")
    assert complete_records(tmp_path, [known, missing, COMPLAINT, missing]) == 2
    assert complete_records(tmp_path, [known, missing, COMPLAINT]) == 0
    ids = [msgspec.json.decode(line)["attempt_id"] for line in path.read_bytes().splitlines()]
    assert ids == ["known", "missing"]
    assert (tmp_path / "complaints.jsonl").read_bytes().count(b"\n") == 1
