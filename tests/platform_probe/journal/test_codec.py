"""Lines of the journal: what goes in comes out, and what is no line is told."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_wire.contract.broker_log import BrokerEvent, BrokerEventKind
from fleet_wire.contract.incident import ActionKind, IncidentAction
from fleet_wire.contract.label import Label
from fleet_wire.contract.messages import (
    Action,
    CarEvent,
    Command,
    Phase,
    Presence,
    PresenceReason,
    PresenceStatus,
    Reason,
    Result,
    Telemetry,
    VehicleState,
)
from fleet_wire.contract.partial import PartialState, PartialTelemetry, ProvisionalResult
from fleet_wire.contract.platform_log import PlatformEvent, PlatformStep
from fleet_wire.contract.topics import TopicKind
from platform_probe.journal.codec import UnreadableLineError, entry_of, line_of, unsigned
from platform_probe.journal.entries import (
    BrokerLine,
    CarMessage,
    CarRemoved,
    ConnectionChanged,
    Entry,
    MonitorStarted,
    MonitorStopped,
    PersonActed,
    PlatformLine,
    RecordWritten,
    Tick,
    UnlockLabelled,
    UnlockUnanswered,
)
from tests.helpers.records import COMPLAINT, STRAY, attempt_of

STATE = VehicleState(
    is_locked=True, is_open=False, voltage_v=12.5, firmware="2.4.1", hardware="tcu-3",
    operator="operator-a", region="centre", signals={"Vehicle.IsMoving": False},
)  # fmt: skip
COMMAND = Command("c-1", Action.UNLOCK, 1_000, 31_000, 7, "secret", booking_id="b-1")
MESSAGES = [
    (TopicKind.PRESENCE, Presence(PresenceStatus.OFFLINE, "s", PresenceReason.LAST_WILL)),
    (TopicKind.STATE, STATE),
    (TopicKind.STATE, PartialState(is_locked=False)),
    (TopicKind.TELEMETRY, Telemetry(-80.5, 12.25, 3.0, boots=4)),
    (TopicKind.TELEMETRY, PartialTelemetry(voltage_v=11.9)),
    (TopicKind.RESULT, Result("c-1", Phase.REFUSED, Reason.BUSY)),
    (TopicKind.RESULT, ProvisionalResult("c-1", "IN_PROGRESS")),
    (TopicKind.EVENT, CarEvent("boot", boots=5)),
    (TopicKind.COMMAND, unsigned(COMMAND)),
]
LABEL = Label(attempt_id="a", vehicle_id="car-1", started_at=5.0, mode="unknown", by="Ada", at=7.25)
ENTRIES: list[Entry] = [
    *(CarMessage(1.5, kind, "car-1", message) for kind, message in MESSAGES),
    CarMessage(1.5, TopicKind.STATE, "car-1", STATE, is_retained=True),
    RecordWritten(2.0, attempt_of()),
    RecordWritten(2.0, STRAY),
    RecordWritten(2.0, COMPLAINT),
    PlatformLine(3.0, PlatformEvent(PlatformStep.REQUESTED, 1.0, "r-1", "unlock")),
    BrokerLine(3.0, BrokerEvent(2.5, "car-1", BrokerEventKind.CONNECTED, "::1", 60.0)),
    UnlockUnanswered(4.0, attempt_of()),
    ConnectionChanged(5.0, is_there=False),
    CarRemoved(6.0, "car-1"),
    PersonActed(7.0, IncidentAction(incident_id="i", kind=ActionKind.CLOSE, by="Ada", at=7.0)),
    UnlockLabelled(7.5, LABEL),
    UnlockLabelled(7.5, msgspec.structs.replace(LABEL, mode=None, text="a mistake")),
    Tick(8.0, 1_700_000_000.25),
    MonitorStarted(0.1, 1_700_000_000.0),
    MonitorStopped(9.0),
]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda one: type(one).__name__)
def test_what_goes_in_comes_out(entry: Entry) -> None:
    """Of the same type, with the same values, one line each."""
    line = line_of(entry)
    assert line.count(b"\n") == 1
    assert entry_of(line[:-1]) == entry


def test_the_signature_of_a_command_is_not_written() -> None:
    """It would be worth something to somebody."""
    line = line_of(CarMessage(1.0, TopicKind.COMMAND, "car-1", COMMAND))
    assert b"secret" not in line


@given(st.floats(0.0, 4e9))
def test_times_are_exact(at: float) -> None:
    """A replay judges at the very moments of the live judge."""
    assert entry_of(line_of(Tick(at, at))[:-1]) == Tick(at, at)


@given(st.binary(max_size=200))
def test_what_is_no_line_is_told(line: bytes) -> None:
    """Whatever it is: a torn line, or one of a later release."""
    try:
        entry = entry_of(line)
    except UnreadableLineError:
        return
    assert entry_of(line_of(entry)[:-1]) == entry
