"""A store in which everything that can be asked about has happened once, at known times."""

from __future__ import annotations

import atexit
import shutil
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Final

import msgspec

from fleet_wire.contract.attempt import (
    Attempt,
    Complaint,
    Flag,
    PlatformSide,
    StrayAnswer,
    StrayKind,
)
from fleet_wire.contract.causes import Cause, outcome_of
from fleet_wire.contract.diagnosis import Diagnosis, FactSeen, RankedMode, Weighed
from fleet_wire.contract.incident import (
    Change,
    ChangeKind,
    Incident,
    IncidentKind,
    IncidentState,
    Severity,
)
from fleet_wire.contract.label import Label
from fleet_wire.contract.platform_log import PlatformEvent, PlatformStep
from fleet_wire.modes.facts import Fact
from tests.helpers.diagnoses import diagnosis_of
from tests.helpers.stores import BEGIN_S, kept, put_lines, put_unlocks, unlock

FAILURES: Final = {
    3: ("car-03", Cause.BOX_OFFLINE),
    17: ("car-03", Cause.BOX_OFFLINE),
    33: ("car-05", Cause.API_FAILED),
    41: ("car-03", Cause.RESULT_LOST),
}
"""Unlocks that failed, by number: the car and the cause. One unlock a second, 60 in all."""


def _platform_side(number: int, **more: Any) -> PlatformSide:
    return PlatformSide(
        status=200 if number not in FAILURES else 504,
        account_id=f"customer-{number % 5}",
        endpoint="/vehicles/{vehicle_id}/unlock",
        app_version="7.2.1" if number % 3 else "7.3.0",
        api_release="1.0.0",
        **more,
    )


def _unlocks() -> list[Attempt]:
    unlocks = []
    for number in range(60):
        car, cause = FAILURES.get(number, (None, None))
        changes: dict[str, Any] = {
            "cause": cause,
            "revision": 1,
            "total_s": 20.0 if cause else 1.25 + number / 100,
            "firmware": "2.5.0" if number in FAILURES else "2.4.1",
            "region": "coast" if number % 7 in (3, 5) else "centre",
            "platform": _platform_side(number),
            "evidence": {"presence": "offline", "heard_ago_s": 74.0} if cause else {},
        }
        unlocks.append(unlock(number, car=car, **changes))
    revised = msgspec.structs.replace
    unlocks[10] = revised(unlocks[10], flags=(Flag.DUPLICATE,))
    unlocks[11] = revised(
        unlocks[11], flags=(Flag.ANSWERED_BY_ANOTHER,), evidence={"answered_by": "car-66"}
    )
    unlocks[12] = revised(unlocks[12], flags=(Flag.TOLD_OTHERWISE,))
    unlocks[13] = revised(
        unlocks[13], flags=(Flag.WOKEN,), platform=_platform_side(13, requests=3, woken_s=0.25)
    )
    judged_anew = revised(unlocks[41], cause=None, outcome="ok", total_s=2.0, revision=2)
    return [*unlocks, judged_anew]


def _strays() -> list[StrayAnswer]:
    def stray(kind: StrayKind, number: int, after_s: float, **more: Any) -> StrayAnswer:
        return StrayAnswer(
            kind=kind, vehicle_id="car-03", command_id=f"command-{number}", phase="executed",
            at=BEGIN_S + number + after_s, after_s=after_s, attempt_id=f"attempt-{number}", **more,
        )  # fmt: skip

    return [
        stray(StrayKind.LATE, 3, 41.5, is_late_unlock=True),
        stray(StrayKind.DUPLICATE, 20, 5.0),
        msgspec.structs.replace(stray(StrayKind.ORPHAN, 99, -60.0), attempt_id=None),
    ]


def _events() -> list[PlatformEvent]:
    made = []

    def event(step: PlatformStep, second: float, operation: str, **more: Any) -> None:
        request_id = f"request-{operation}-{second:.0f}"
        made.append(PlatformEvent(step, BEGIN_S + second, request_id, operation, **more))

    for number in (3, 33):
        car, _ = FAILURES[number]
        known: dict[str, Any] = {
            "vehicle_id": car,
            "trace_id": f"{number:032x}",
            "booking_id": f"booking-{number}",
            "account_id": f"customer-{number % 5}",
            "endpoint": "/vehicles/{vehicle_id}/unlock",
            "app_version": "7.3.0",
        }
        event(PlatformStep.REQUESTED, number, "unlock", **known)
        if number == 3:
            command = {**known, "command_id": "command-3"}
            event(PlatformStep.PUBLISHED, number + 0.25, "unlock", **command)
            event(PlatformStep.ACCEPTED, number + 0.3, "unlock", **command)
            event(PlatformStep.ENDED, number + 20.0, "unlock", outcome="expired", **command)
        problem = "vehicle-silent" if number == 3 else None
        status = 504 if number == 3 else 500
        event(
            PlatformStep.ANSWERED, number + 20.0, "unlock", status=status, problem=problem, **known
        )
    event(
        PlatformStep.ANSWERED, 50, "book", status=201, vehicle_id="car-90", booking_id="booking-90",
        account_id="customer-9", endpoint="/bookings",
    )  # fmt: skip
    return made


def _heard() -> list[dict[str, Any]]:
    def heard(kind: str, second: float, car: str, **message: Any) -> dict[str, Any]:
        return {"at": BEGIN_S + second, "kind": kind, "vehicle_id": car, "message": message}

    presence = []
    for number in range(12):
        status = (
            {"status": "offline", "reason": "last_will"} if number % 2 else {"status": "online"}
        )
        presence.append(
            heard("presence", -60.0 + 5 * number, "car-03", session_id=f"s-{number}", **status)
        )
    return [
        heard("telemetry", -7_200.0, "car-90", signal_dbm=-112.0, voltage_v=11.5, position_age_s=1),
        *presence,
        heard("result", 23.0, "car-03", command_id="command-20", phase="executed"),
        heard("telemetry", 55.0, "car-05", signal_dbm=-110.0, voltage_v=11.25, position_age_s=1.0),
    ]


def _diagnosis(number: int, revision: int, after_s: float, **more: Any) -> Diagnosis:
    car, cause = FAILURES[number]
    made: dict[str, Any] = {
        "attempt_id": f"attempt-{number}",
        "vehicle_id": car,
        "booking_id": f"booking-{number}",
        "revision": revision,
        "at": BEGIN_S + number + after_s,
        "after_s": after_s,
        "outcome": outcome_of(cause),
        "cause": cause,
    }
    return diagnosis_of(**made | more)


def _diagnoses() -> list[Diagnosis]:
    """Return what was believed: of one unlock something else at first, and of a complaint."""
    error = FactSeen(Fact.SAID_ERROR, "the API answered 500 at 00:00:53")
    weighed = (Weighed(Fact.SAID_ERROR, 2.5), Weighed(Fact.MANY_FAIL, -1.5, is_seen=False))
    outage = RankedMode("app_gateway_outage", 0.72, weighed)
    generic = RankedMode("generic_500", 0.93, weighed)
    others = RankedMode("app_gateway_outage", 0.05), RankedMode("phone_side", 0.01)
    unseen = {"attempt_id": "complaint-1", "vehicle_id": "car-91", "booking_id": None}
    return [
        _diagnosis(33, 1, 20.0, modes=(outage, RankedMode("generic_500", 0.2)), facts=(error,)),
        _diagnosis(33, 2, 60.0, modes=(generic, *others), facts=(error,)),
        _diagnosis(41, 1, 20.0, modes=(RankedMode("unknown", 0.4),)),
        _diagnosis(41, 1, 17.0, modes=(RankedMode("phone_side", 0.8),), **unseen),
    ]


def _complaints() -> list[Complaint]:
    return [
        Complaint(
            complaint_id="complaint-1",
            at=BEGIN_S + 58,
            scheduled_s=58.0,
            vehicle_id="car-91",
            account_id="customer-8",
            shown="no connection",
        )
    ]


def _incidents() -> list[Incident]:
    """Return two revisions of an incident."""
    opened = Change(at=BEGIN_S + 35, kind=ChangeKind.OPENED, sentence="warning: 3 of 36 hit")
    grew = Change(at=BEGIN_S + 50, kind=ChangeKind.GREW, sentence="5 customers by now")
    first = Incident(
        incident_id="inc-1",
        revision=1,
        at=BEGIN_S + 35,
        kind=IncidentKind.FAILURES,
        severity=Severity.WARNING,
        state=IncidentState.OPEN,
        title="Coast: boxes offline since 00:00, 3 customers",
        since=BEGIN_S + 3,
        opened_at=BEGIN_S + 35,
        cause=Cause.BOX_OFFLINE,
        cohort={"region": "coast"},
        failed=3,
        total=36,
        customers=3,
        changes=(opened,),
    )
    second = msgspec.structs.replace(
        first, revision=2, at=BEGIN_S + 50, customers=5, changes=(opened, grew)
    )
    return [first, second]


def label_of(number: int, mode: str | None, **more: Any) -> Label:
    """Return what a person says of an unlock of the store."""
    car, _ = FAILURES[number]
    made: dict[str, Any] = {"by": "amelie", "at": BEGIN_S + 100.0, "vehicle_id": car} | more
    return Label(
        attempt_id=f"attempt-{number}", started_at=BEGIN_S + number, mode=mode, **made
    )  # fmt: skip


def _labels() -> list[Label]:
    """Return a right diagnosis, a wrong one, a corrected label and a withdrawn one."""
    return [
        label_of(33, "phone_side"),
        label_of(33, "generic_500", at=BEGIN_S + 101.0, text="their log says so"),
        label_of(41, "undervoltage_cutout"),
        label_of(3, "phone_side"),
        label_of(3, None, at=BEGIN_S + 102.0),
    ]


def make_busy_store(directory: Path, *, packed: bool = True) -> Path:
    """Copy the store, as Parquet or as lines, into a directory, and return that."""
    shutil.copytree(_made(packed=packed), directory, dirs_exist_ok=True)
    return directory


@cache
def _made(*, packed: bool) -> Path:
    """Return the store that this process has made, until it ends.

    `TemporaryDirectory` would remove it in a forked child too, which forgets who holds it.
    """
    parent = Path(mkdtemp(prefix="busy-store-"))
    atexit.register(shutil.rmtree, parent, ignore_errors=True)
    return _make(parent / "store", packed=packed)


def _make(directory: Path, *, packed: bool) -> Path:
    put_unlocks(directory, _unlocks())
    for table, records in (
        ("stray_answers", _strays()),
        ("platform_events", _events()),
        ("observations", _heard()),
        ("diagnoses", _diagnoses()),
        ("complaints", _complaints()),
        ("incidents", _incidents()),
        ("labels", _labels()),
    ):
        put_lines(directory, table, map(msgspec.json.encode, records))
    if packed:
        kept(directory)
    return directory
