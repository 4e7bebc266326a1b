"""What the monitor leaves to the store: kept once it is written, whatever ends the process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from fleet_wire.contract.attempt import Complaint, Source
from fleet_wire.contract.broker_log import BrokerEvent, BrokerEventKind
from fleet_wire.contract.label import Label
from fleet_wire.contract.messages import (
    Action,
    Command,
    Presence,
    PresenceReason,
    PresenceStatus,
    Telemetry,
    VehicleState,
)
from fleet_wire.contract.platform_log import PlatformEvent, PlatformStep
from fleet_wire.contract.topics import TopicKind
from fleet_wire.errors import ConfigError
from platform_probe.journal.entries import UnlockLabelled
from platform_probe.store.layout import all_segments, parquet_parts
from platform_probe.store.writer import StoreHeldError, keep_label
from tests.helpers.records import STRAY
from tests.helpers.stores import BEGIN_S, KeptWriter, ids_in, kept, selected, unlock, writer_of
from tests.helpers.waiting import wait_for

LABEL = Label(
    attempt_id="attempt-1", vehicle_id="car-1", started_at=BEGIN_S, mode="unknown", by="jo", at=9.0
)
EVENT = PlatformEvent(PlatformStep.ANSWERED, BEGIN_S, "r-1", "unlock", status=503)
COMPLAINT = Complaint(
    complaint_id="call-1", at=BEGIN_S, scheduled_s=0.0, vehicle_id="car-1", shown="?",
    attempts=("a1",),
)  # fmt: skip


def test_everything_is_kept(tmp_path: Path) -> None:
    """Unlocks, stray answers, messages and lines of the platform's log go to their tables."""
    event = PlatformEvent(
        PlatformStep.ANSWERED, BEGIN_S + 1, "r-1", "unlock", vehicle_id="car-1", status=503
    )
    state = VehicleState(
        is_locked=True, is_open=False, voltage_v=12.5, firmware="2.4.1", hardware="tcu-3",
        operator="operator-a", region="centre", signals={"Vehicle.IsMoving": False},
    )  # fmt: skip
    gone = Presence(PresenceStatus.OFFLINE, "s-1", PresenceReason.LAST_WILL)
    with writer_of(tmp_path) as store:
        store.at = BEGIN_S + 2
        store.emit(unlock(1))
        store.emit(STRAY)
        store.platform_event(event)
        store.broker_said(BrokerEvent(BEGIN_S + 2, "car-1", BrokerEventKind.TAKEN_OVER))
        store.emit(COMPLAINT)
        store.heard(TopicKind.STATE, "car-1", state, is_retained=True)
        store.heard(TopicKind.PRESENCE, "car-1", gone, is_retained=False)
        store.heard(TopicKind.TELEMETRY, "car-1", Telemetry(-70.5, 12.25, 3.0), is_retained=False)
    for _ in range(2):
        assert ids_in(tmp_path) == ["attempt-1"]
        assert selected(tmp_path, "SELECT kind, command_id FROM stray_answers") == [
            ("orphan", "c9")
        ]
        assert selected(tmp_path, "SELECT shown, attempts FROM complaints") == [("?", ["a1"])]
        events = "SELECT event, status, logged_at::VARCHAR FROM platform_events"
        assert selected(tmp_path, events) == [("answered", 503, "2026-01-01 00:00:01")]
        heard = """SELECT kind, is_retained, status, reason, is_locked, voltage_v, signal_dbm,
            signals, heard_at::VARCHAR FROM observations ORDER BY kind"""
        at = "2026-01-01 00:00:02"
        assert selected(tmp_path, heard) == [
            ("broker", False, "taken_over", None, None, None, None, None, at),
            ("presence", False, "offline", "last_will", None, None, None, None, at),
            ("state", True, None, None, True, 12.5, None, '{"Vehicle.IsMoving":false}', at),
            ("telemetry", False, None, None, None, 12.25, -70.5, None, at),
        ]
        kept(tmp_path)
        assert not all_segments(tmp_path, "observations")


def test_null_box_and_heartbeats_are_not_kept(tmp_path: Path) -> None:
    """What the stack itself takes is no customer's, and heartbeats can be left out."""
    with writer_of(tmp_path, with_telemetry=False) as store:
        store.emit(unlock(1, source=Source.FLOOR))
        store.broker_said(BrokerEvent(BEGIN_S, "null-box-0", BrokerEventKind.TAKEN_OVER))
        store.heard(TopicKind.TELEMETRY, "car-1", Telemetry(-70.5, 12.25, 3.0), is_retained=False)
    assert not all_segments(tmp_path, "attempts")
    assert not all_segments(tmp_path, "observations")


def test_signature_of_a_command_is_not_kept(tmp_path: Path) -> None:
    """Whoever reads the store learns what was asked, and nothing to ask it with."""
    command = Command("c-1", Action.UNLOCK, 1_000, 31_000, 7, "secret", booking_id="b-1")
    with writer_of(tmp_path) as store:
        store.heard(TopicKind.COMMAND, "car-1", command, is_retained=False)
    (segment,) = all_segments(tmp_path, "observations")
    assert b"secret" not in segment.path.read_bytes()
    sql = "SELECT command_id, action, counter, booking_id, expires_at::VARCHAR FROM observations"
    assert selected(tmp_path, sql) == [("c-1", "unlock", 7, "b-1", "1970-01-01 00:00:31")]


def test_second_writer_is_refused(tmp_path: Path) -> None:
    """Two monitors with one store would take each other's files: the second one is told who."""
    with (
        writer_of(tmp_path),
        pytest.raises(ConfigError, match=rf"process {os.getpid()}\).*store\.directory"),
    ):
        writer_of(tmp_path)
    writer_of(tmp_path).close()


def test_full_file_is_completed_and_packed(tmp_path: Path) -> None:
    """A file that is large enough is left to the keeper, which is started for it."""
    with writer_of(tmp_path, KeptWriter, segment_bytes=2_000) as store:
        for number in range(20):
            store.emit(unlock(number))
        wait_for(lambda: parquet_parts(tmp_path, "attempts"))
    assert ids_in(tmp_path) == [f"attempt-{each}" for each in range(20)]


def test_file_that_nobody_completed_is_taken_up(tmp_path: Path) -> None:
    """What a monitor appended to when it died is completed by the next one."""
    with writer_of(tmp_path) as store:
        store.emit(unlock(1))
    (segment,) = all_segments(tmp_path, "attempts")
    segment.path.rename(segment.path.with_suffix(".open"))
    assert ids_in(tmp_path) == ["attempt-1"]
    with writer_of(tmp_path) as store:
        store.emit(unlock(2))
    assert ids_in(tmp_path) == ["attempt-1", "attempt-2"]
    assert not any(each.is_open for each in all_segments(tmp_path, "attempts"))


def test_what_was_not_committed_is_cut_off(tmp_path: Path) -> None:
    """The next process hands it on again: also what stands in files that were begun since."""
    with writer_of(tmp_path) as store:
        store.emit(unlock(1))
        store.platform_event(EVENT)
        ends = store.ends()
        store.emit(unlock(2))
    for segment in all_segments(tmp_path, "attempts"):
        segment.path.rename(segment.path.with_suffix(".open"))
    with writer_of(tmp_path, ends=ends) as store:
        assert ids_in(tmp_path) == ["attempt-1"]
        store.emit(unlock(2))
    assert ids_in(tmp_path) == ["attempt-1", "attempt-2"]
    assert len(all_segments(tmp_path, "platform_events")) == 1


def test_labels_of_the_time_without_a_monitor_are_not_cut_off(tmp_path: Path) -> None:
    """The next monitor cuts back what its judge did not commit, and no label."""
    with writer_of(tmp_path) as store:
        store.add(UnlockLabelled(store.at, LABEL))
        store.flush()
        ends = store.ends()
        with pytest.raises(StoreHeldError, match="another monitor writes to this store"):
            keep_label(tmp_path, LABEL)
    for mode in ("phone_side", None, "generic_500"):
        keep_label(tmp_path, msgspec.structs.replace(LABEL, mode=mode))
    sql = "SELECT mode FROM labels ORDER BY ALL"
    kept_labels = [("generic_500",), ("phone_side",), ("unknown",), (None,)]
    with writer_of(tmp_path, ends=ends):
        assert [*selected(tmp_path, sql)] == kept_labels
    kept(tmp_path)
    assert [*selected(tmp_path, sql)] == kept_labels


WRITE_WITH_LITTLE_ROOM = """
import json, resource, sys
from pathlib import Path
from platform_probe.journal.entries import RecordWritten
from tests.helpers.stores import unlock, writer_of
tries = 0
with writer_of(Path(sys.argv[1])) as store:
    resource.setrlimit(resource.RLIMIT_FSIZE, (8_000, resource.RLIM_INFINITY))
    for number in range(20):
        store.add(RecordWritten(0.0, unlock(number)))
        try:
            store.write()
        except OSError:
            tries += 1
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
    store.emit(unlock(20))
print(tries)
"""


def test_what_a_full_disk_does_not_take_waits(tmp_path: Path) -> None:
    """Nothing is lost, and each line is whole."""
    command = [sys.executable, "-c", WRITE_WITH_LITTLE_ROOM, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(done.stdout) > 0
    assert ids_in(tmp_path) == [f"attempt-{number}" for number in range(21)]
    assert kept(tmp_path).unreadable == 0
