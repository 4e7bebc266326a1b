"""What is made of records for a diagnosis, and of a diagnosis for records. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from fleet_wire.contract.attempt import Attempt, Complaint, Flag, PlatformSide, Source, Stage
from fleet_wire.contract.broker_log import BrokerEventKind
from fleet_wire.contract.causes import Cause, Outcome, outcome_of
from fleet_wire.contract.diagnosis import RankedMode
from fleet_wire.contract.problems import VEHICLE_BUSY
from fleet_wire.modes.catalogue import MODES
from platform_probe.cars.state import MAX_KINDS
from platform_probe.judge.diagnosis.entries import PastAttempt
from platform_probe.judge.diagnosis.neighbours import Place, region_and_operator
from platform_probe.judge.diagnosis.path import OF_THE_API
from platform_probe.judge.diagnosis.seen_of_car import OFTEN
from platform_probe.judge.diagnosis.seen_of_platform import GIVEN_UP, is_yes, waited_s

_NAMES: Final = ("region", "operator", "firmware", "hardware", "app_version")
SURE_OF_CAUSE: Final = 0.9
"""A mode of at least this probability sets the cause, where the stages alone said another."""


def past_of(record: Attempt, began_s: float) -> PastAttempt:
    """Return what is kept of an unlock for those of the car before and after it."""
    side = record.platform or PlatformSide()
    sent_s = record.stages.get(Stage.PUBLISHED.value)
    answered_s = record.stages.get(Stage.API_ANSWERED.value)
    return PastAttempt(
        began_s,
        began_s + record.total_s,
        record.cause,
        record.attempt_id,
        record.trace_id,
        record.booking_id,
        side.account_id,
        is_busy=side.problem == VEHICLE_BUSY.slug,
        is_unsent=record.cause is Cause.NOT_PUBLISHED and is_yes(side),
        missed_s=waited_s(record) if record.cause is None and side.outcome in GIVEN_UP else None,
        woken_until_s=began_s + _woken_until_s(record) if Flag.WOKEN in record.flags else None,
        sent_s=None if sent_s is None else began_s + sent_s,
        over_s=None if side.ended_s is None else began_s + side.ended_s,
        answered_s=None if answered_s is None else began_s + answered_s,
        is_told_yes=is_yes(side),
        is_asked=answered_s is not None or side.app_version is not None,
    )


def _woken_until_s(record: Attempt) -> float:
    """Return until when a car may have been asked to wake, seconds after the unlock began.

    A platform asks again and again, until it can send the command or gives it up.
    """
    side = record.platform
    sent_s = record.stages.get(Stage.PUBLISHED.value, record.total_s)
    return max(sent_s, side.ended_s or 0.0) if side else sent_s


def is_taken_over_often(evidence: Mapping[str, Any]) -> bool:
    """Return whether connections of the car's id have ended each other again and again.

    If the evidence shows that, two boxes use the id, and the other one may have answered.
    """
    said: Mapping[str, int] | None = evidence.get("broker_said")
    return said is not None and said.get(BrokerEventKind.TAKEN_OVER.value, 0) >= OFTEN


def traits_of_record(record: Attempt) -> tuple[Place, ...]:
    """Return what the car and its phone have in common with others, an operator's region too."""
    app = record.platform.app_version if record.platform else None
    return _no_traits(record.region, record.operator, record.firmware, record.hardware, app)


@lru_cache(maxsize=MAX_KINDS)
def _no_traits(*values: str | None) -> tuple[Place, ...]:
    places = tuple(
        (name, value) for name, value in zip(_NAMES, values, strict=True) if value is not None
    )
    return (
        (*places, region_and_operator(places))
        if {"region", "operator"} <= dict(places).keys()
        else places
    )


def unseen(complaint: Complaint) -> Attempt:
    """Return the unlock that a complaint is about and that nobody saw, to be diagnosed as one."""
    return Attempt(
        attempt_id=complaint.complaint_id,
        command_id=None,
        vehicle_id=complaint.vehicle_id,
        trace_id="",
        source=Source.CUSTOMER,
        started_at=complaint.at,
        scheduled_s=complaint.scheduled_s,
        outcome=Outcome.UNKNOWN,
        cause=Cause.NOT_OBSERVED,
        total_s=0.0,
        stages={},
        hops_s={},
        booking_id=complaint.booking_id,
        region=complaint.region,
        operator=complaint.operator,
        firmware=complaint.firmware,
        hardware=complaint.hardware,
        site=complaint.site,
        platform=PlatformSide(app_version=complaint.app_version, account_id=complaint.account_id),
    )


def concluded(record: Attempt, first: RankedMode) -> tuple[Outcome, Cause | None]:
    """Return outcome and cause of an unlock as its likeliest mode has them, where that is sure.

    Else they are those of its record. A refusal says why itself, so its cause stands, and so does
    that of an unlock for which the platform sent nothing.
    """
    mode = MODES.get(first.mode)
    is_sure = first.probability >= SURE_OF_CAUSE
    if mode is None or mode.cause is None or record.cause is None or not is_sure:
        return record.outcome, record.cause
    if record.outcome is Outcome.REFUSED or record.cause in mode.causes | OF_THE_API:
        return record.outcome, record.cause
    return outcome_of(mode.cause), mode.cause
