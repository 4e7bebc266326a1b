"""The tables have a place for everything that the records and messages say."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from fleet_wire.contract.attempt import Attempt, Complaint, PlatformSide, Stage, StrayAnswer
from fleet_wire.contract.diagnosis import Diagnosis
from fleet_wire.contract.incident import Incident
from fleet_wire.contract.messages import (
    CarEvent,
    Command,
    Presence,
    Result,
    Telemetry,
    VehicleState,
    WakeRequest,
)
from fleet_wire.contract.platform_log import PlatformEvent
from platform_probe.store.schema import (
    ATTEMPTS,
    COMPLAINTS,
    DIAGNOSES,
    INCIDENTS,
    OBSERVATIONS,
    PLATFORM_EVENTS,
    STRAY_ANSWERS,
)

NOT_KEPT = {
    "signature",  # of a command: worth something to somebody
    "hops_s",  # follow from the stages
}


def fields_of(struct: type[Any]) -> set[str]:
    """Return the names that a record's fields have in JSON."""
    return {field.encode_name for field in msgspec.structs.fields(struct)} - NOT_KEPT


@pytest.mark.parametrize(
    ("table", "record"),
    [
        (ATTEMPTS, Attempt),
        (STRAY_ANSWERS, StrayAnswer),
        (PLATFORM_EVENTS, PlatformEvent),
        (COMPLAINTS, Complaint),
        (DIAGNOSES, Diagnosis),
        (INCIDENTS, Incident),
    ],
)
def test_every_field_of_a_record_is_kept(table: Any, record: type[Any]) -> None:
    """A field that is added to a record needs a column here, and a later version."""
    earlier = {"failure_mode"} if record is Attempt else set()  # records of 0.2 and before had it
    assert fields_of(record) | earlier == set(table.fields)


WITHIN = [
    (ATTEMPTS.fields["platform"], fields_of(PlatformSide)),
    (ATTEMPTS.fields["stages"], {*Stage} - {Stage.INTENDED}),
    *(
        (OBSERVATIONS.fields["message"], fields_of(message))
        for message in (CarEvent, Command, Presence, Result, Telemetry, VehicleState, WakeRequest)
    ),
]


@pytest.mark.parametrize(("columns", "fields"), WITHIN)
def test_every_field_within_a_record_is_kept(columns: str, fields: set[str]) -> None:
    """What the platform says of an unlock, its stages and each message have columns."""
    assert [name for name in fields if f'"{name}"' not in columns] == []
