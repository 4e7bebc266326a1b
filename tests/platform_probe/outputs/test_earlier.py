"""When unlocks last ended: read back from what earlier runs wrote."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from fleet_wire.contract.attempt import PROBE_STOPPED, Attempt, Flag, Source
from fleet_wire.contract.causes import Cause
from fleet_wire.contract.incident import IncidentState
from platform_probe.outputs import earlier
from platform_probe.outputs.earlier import last_ends, last_incidents, recent
from platform_probe.outputs.sinks import ATTEMPTS_FILE, INCIDENTS_FILE
from tests.helpers.consoles import incident_of
from tests.helpers.fake_clock import EPOCH_S
from tests.helpers.records import attempt_of


def write(path: Path, *attempts: Attempt, rest: bytes = b"") -> None:
    """Write records, and whatever comes behind them."""
    lines = b"".join(msgspec.json.encode(attempt) + b"\n" for attempt in attempts)
    path.write_bytes(lines + rest)


def test_the_last_of_each_source_is_found(tmp_path: Path) -> None:
    """Over a torn line, lines of a later version, and what was not measured; in what was put aside.

    Just after midnight the file of the records is young.
    """
    write(tmp_path / f"{ATTEMPTS_FILE}.1", attempt_of(source=Source.CUSTOMER, total_s=1.0))
    write(
        tmp_path / ATTEMPTS_FILE,
        attempt_of(total_s=2.0),
        attempt_of(cause=Cause.BOX_SILENT, total_s=3.0),
        attempt_of(cause=Cause.NOT_OBSERVED, total_s=4.0),
        attempt_of(flags=(Flag.OBSERVED_LATE,), total_s=5.0),
        attempt_of(source=Source.FLOOR, total_s=6.0),
        rest=b'{"outcome":"melted"}\n\xff\n{"attempt_id":"a',
    )
    assert last_ends(tmp_path) == {Source.CUSTOMER: EPOCH_S + 1.0, Source.PROBE: EPOCH_S + 3.0}


def test_what_ended_lately_is_found_as_it_was_revised_last(tmp_path: Path) -> None:
    """In the order in which it was written, and without what was a part of another."""
    one = msgspec.structs.replace(
        attempt_of(cause=Cause.NOT_OBSERVED), revision=1, reason=PROBE_STOPPED
    )
    names = ("long-ago", "open", "ended", "part")
    old, is_open, ended, part = (msgspec.structs.replace(one, attempt_id=name) for name in names)
    write(
        tmp_path / ATTEMPTS_FILE,
        msgspec.structs.replace(old, started_at=EPOCH_S - 60.0),
        is_open,
        ended,
        revised := msgspec.structs.replace(ended, revision=2, reason=None, cause=None),
        msgspec.structs.replace(part, same_as="open"),
        msgspec.structs.replace(one, attempt_id="null-box", source=Source.FLOOR),
    )
    assert recent(tmp_path, since=EPOCH_S) == [is_open, revised]


def test_only_the_end_of_a_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A start does not take longer with every year of records."""
    monkeypatch.setattr(earlier, "TAIL_BYTES", 1_000)
    many = [attempt_of(total_s=2.0)] * 10
    write(tmp_path / ATTEMPTS_FILE, attempt_of(source=Source.CUSTOMER), *many)
    assert last_ends(tmp_path) == {Source.PROBE: EPOCH_S + 2.0}


def test_without_records_there_is_no_past(tmp_path: Path) -> None:
    """Neither where there is none, nor where it cannot be read."""
    assert last_ends(tmp_path / "missing") == {}
    (tmp_path / ATTEMPTS_FILE).mkdir()
    assert last_ends(tmp_path) == {}
    (tmp_path / f"{ATTEMPTS_FILE}.1").symlink_to("/dev/full")
    assert last_ends(tmp_path) == {}


def test_incidents_are_remembered_that_are_open_or_ended_lately(tmp_path: Path) -> None:
    """Each as its last line has it."""
    open_one = incident_of(incident_id="open")
    ended = incident_of(state=IncidentState.RESOLVED, ended_at=EPOCH_S - 50.0)
    lines = [
        incident_of(incident_id="ended"),
        msgspec.structs.replace(ended, incident_id="ended"),
        msgspec.structs.replace(ended, incident_id="long ago", ended_at=EPOCH_S - 500.0),
        msgspec.structs.replace(
            ended, incident_id="closed", ended_at=EPOCH_S - 500.0, state=IncidentState.CLOSED
        ),
        open_one,
    ]
    (tmp_path / INCIDENTS_FILE).write_bytes(b"\n".join(map(msgspec.json.encode, lines)))
    found = last_incidents(tmp_path, since=EPOCH_S - 100.0, closed_since=EPOCH_S - 600.0)
    assert [one.incident_id for one in found] == ["ended", "closed", "open"]
    assert found[0].state is IncidentState.RESOLVED
