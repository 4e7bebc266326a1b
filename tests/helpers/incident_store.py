"""A store with an incident in it: cars of one region that failed alike, and odd ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import msgspec

from fleet_wire.contract.attempt import Attempt, Complaint, Source
from fleet_wire.contract.causes import Cause, outcome_of
from fleet_wire.contract.diagnosis import NOTHING_WRONG, UNKNOWN, Diagnosis, RankedMode
from tests.helpers.stores import BEGIN_S, put_lines, put_unlocks, unlock

GARAGE: Final = "no_coverage_garage"
COMPLAINT: Final = "call-1"
ODD: Final[dict[int, dict[str, Any]]] = {
    5: {"cause": Cause.BOX_OFFLINE, "car": "garage-5", "region": "harbour", "mode": GARAGE},
    6: {"cause": Cause.BOX_OFFLINE, "car": "garage-6", "region": "harbour", "mode": GARAGE},
    7: {"cause": Cause.BOX_SILENT, "car": "garage-7", "region": "harbour", "mode": GARAGE},
    8: {"cause": Cause.VEHICLE_FAILED, "car": "undiagnosed"},
    9: {"cause": Cause.BOX_SILENT, "car": "riddle", "mode": UNKNOWN},
    10: {"cause": None, "car": "looked-odd", "mode": NOTHING_WRONG},
}
"""Unlocks that are not simply well, by number; there is one a second, 20 in all."""


def _diagnosis(attempt: Attempt, mode: str, revision: int = 1) -> Diagnosis:
    behind = "half_open_tcp_nat" if mode != "half_open_tcp_nat" else GARAGE
    return Diagnosis(
        attempt_id=attempt.attempt_id,
        vehicle_id=attempt.vehicle_id,
        source=Source.CUSTOMER,
        revision=revision,
        at=attempt.started_at + 20.0 * revision,
        after_s=20.0 * revision,
        outcome=attempt.outcome,
        cause=attempt.cause,
        modes=(RankedMode(mode, 0.7), RankedMode(behind, 0.2)),
        facts=(),
        told=(),
    )


def make_incident_store(directory: Path) -> Path:
    """Make the store, and return its directory."""
    unlocks, diagnoses = [], []
    for number in range(20):
        changes = dict(ODD.get(number, {}))
        mode = changes.pop("mode", None)
        one = unlock(number, **changes)
        unlocks.append(one)
        if mode is not None:
            diagnoses.append(_diagnosis(one, mode))
        if mode == GARAGE:  # it was not what was believed at first
            diagnoses[-1:] = [_diagnosis(one, "half_open_tcp_nat"), _diagnosis(one, mode, 2)]
    call = Complaint(
        complaint_id=COMPLAINT,
        at=BEGIN_S + 15.0,
        scheduled_s=15.0,
        vehicle_id="car-01",
        booking_id="booking-99",
        account_id="customer-99",
        app_version="7.2.0",
        region="centre",
    )
    unseen = unlock(99, cause=Cause.NOT_OBSERVED, attempt_id=COMPLAINT, started_at=call.at)
    assert unseen.outcome is outcome_of(Cause.NOT_OBSERVED)
    diagnoses.append(_diagnosis(unseen, "phone_side"))
    put_unlocks(directory, unlocks)
    put_lines(directory, "complaints", [msgspec.json.encode(call)])
    put_lines(directory, "diagnoses", map(msgspec.json.encode, diagnoses))
    return directory
