"""The record of an unlock from the platform's log, alone or with MQTT."""

from __future__ import annotations

from functools import cache
from hashlib import blake2b
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from fleet_wire.contract import attempt as contract
from fleet_wire.contract.attempt import (
    PROBE_STOPPED,
    UNREAD,
    Attempt,
    Flag,
    Origin,
    Source,
    Stage,
)
from fleet_wire.contract.causes import Cause, outcome_of
from fleet_wire.contract.messages import Reason
from fleet_wire.contract.problems import (
    BROKER_UNAVAILABLE,
    is_error,
    is_refusal,
    is_yes,
)
from fleet_wire.profiles.profile import CONTRACT, WireTraits
from platform_probe.cars.state import Labels
from platform_probe.measure.attempts.conclusion import CAUSE_OF_REASON
from platform_probe.measure.attempts.ended_attempt import EndedAttempt, Judgement
from platform_probe.measure.attempts.platform_side import PlatformSide
from platform_probe.measure.attempts.timings import rounded, timings

EXECUTED, REFUSED, NOT_PUBLISHED = "executed", "refused", "not_published"
"""Outcomes in the platform's log; any other means that it gave up waiting."""
LEFT_UNANSWERED: Final = "the client had gone before it was answered"
"""The reason of an unlock for which no command was sent, and whose client did not wait."""
_CAUSE_OF_NOT_PUBLISHED: Final = {
    "asleep": Cause.BOX_ASLEEP,
    "booking_ended": Cause.API_REFUSED,
    "denied": Cause.BROKER_DENIED,
    "no_connection": Cause.BROKER_UNREACHABLE,
    "no_subscriber": Cause.NO_SUBSCRIBER,
}
"""The cause by the word with which the reason begins; any other means only that nothing was sent.
"""
_REASONS: Final = {reason.value: reason for reason in Reason}


class Clocks(msgspec.Struct, frozen=True, gc=False):
    """The offsets of the platform's time and of Unix time from the monitor's monotonic clock."""

    offset_s: float
    """To add to a time of the platform."""
    uncertainty_s: float | None
    unix_offset_s: float
    """To add to the monitor's own Unix time."""
    load_began_s: float
    """Second 0 of `scheduled_s`."""

    @property
    def ahead_s(self) -> float:
        """How far the platform's clock is ahead of the monitor's."""
        return self.unix_offset_s - self.offset_s


def joined_record(
    attempt: EndedAttempt,
    side: PlatformSide,
    clocks: Clocks,
    *,
    name: Judgement,
    wire: WireTraits = CONTRACT,
) -> Attempt:
    """Return an attempt from MQTT, with the facts of the platform's log.

    It began on MQTT when a customer's command was seen, or when the monitor asked the API itself.
    """
    start, seen_s = attempt.start, attempt.start.intended_s
    from_platform = _placed(side, clocks.offset_s)
    intended_s = seen_s
    if start.source is Source.CUSTOMER:
        # A command that we have was published before we had it, whatever the clocks say.
        for stage in (Stage.REQUESTED, Stage.PUBLISHED):
            if stage in from_platform:
                from_platform[stage] = min(from_platform[stage], seen_s)
        intended_s = from_platform.get(Stage.REQUESTED, from_platform.get(Stage.PUBLISHED, seen_s))
    else:  # we have timed our own request, and its answer if it came before the door opened
        from_platform = {
            stage: max(at_s, intended_s)
            for stage, at_s in from_platform.items()
            if stage is not Stage.REQUESTED
            and not (stage is Stage.API_ANSWERED and stage in attempt.reached_s)
        }
    told_s = from_platform.pop(Stage.RESULT_RECEIVED, None)
    reached_s, ended_s = attempt.placed(but=from_platform)
    if start.source is Source.CUSTOMER:
        reached_s[Stage.INTENDED] = reached_s[Stage.REQUESTED] = intended_s
    sources_missing: tuple[Origin, ...] = ()
    is_unread = attempt.reason == UNREAD and attempt.result is None
    is_unseen = attempt.cause is Cause.NOT_OBSERVED or is_unread
    if is_unseen and told_s is not None:
        attempt = msgspec.structs.replace(attempt, cause=cause_of(side), reason=side.reason)
        sources_missing = (Origin.MQTT,)
        ended_s = from_platform[Stage.RESULT_RECEIVED] = max(told_s, seen_s)
    reached_s |= from_platform
    times = timings(reached_s, intended_s=intended_s, ended_s=ended_s, through_api=True, wire=wire)
    across = _across(tuple(reached_s), tuple(from_platform))
    told = _side_of_record(side, clocks, intended_s, across, car=start.vehicle_id)
    return attempt.as_record(
        times,
        flags=_flags(attempt.flags, attempt.cause, side),
        platform=_with_own(attempt.asked, told),
        earlier_s=seen_s - intended_s,
        name=name,
        trace_id=start.named_trace_id or side.trace_id,
        booking_id=side.booking_id,
        sources_missing=sources_missing,
    )


def record_of_mqtt(
    attempt: EndedAttempt, *, name: Judgement, wire: WireTraits = CONTRACT
) -> Attempt:
    """Return an attempt that only MQTT showed."""
    reached_s, ended_s = attempt.placed()
    times = timings(
        reached_s,
        intended_s=attempt.start.intended_s,
        ended_s=ended_s,
        through_api=attempt.start.source is not Source.CUSTOMER,
        wire=wire,
    )
    return attempt.as_record(
        times,
        flags=attempt.flags,
        platform=attempt.asked,
        name=name,
        sources_missing=(Origin.PLATFORM,),
    )


def record_of_platform(
    side: PlatformSide,
    clocks: Clocks,
    *,
    name: Judgement,
    build: Labels,
    patience_s: float,
    is_cut_short: bool = False,
) -> Attempt:
    """Return the attempt of an unlock that only the platform's log showed.

    `is_cut_short`: we stopped before its end could be known.
    """
    attempt_id = name.attempt_id or attempt_id_of(side)
    cause = Cause.NOT_OBSERVED if is_cut_short else cause_of(side)
    reached_s = _placed(side, clocks.offset_s)
    intended_s = min(reached_s.values())
    reached_s[Stage.INTENDED] = intended_s
    reached_s.setdefault(Stage.REQUESTED, intended_s)
    ended_s = max(reached_s.values())
    said = side.api_answer
    was_told_no = said is not None and is_error(said.status)
    if said is not None:
        ended_s = max(ended_s, said.at + clocks.offset_s)
    if side.ended_at is not None and not is_expected_on_mqtt(side):
        ended_s = max(ended_s, side.ended_at + clocks.offset_s)
    elif side.outcome not in (EXECUTED, REFUSED) and (side.accepted_at or not was_told_no):
        ended_s = max(ended_s, intended_s + patience_s)
    stages, hops_s, total_s = timings(
        reached_s, intended_s=intended_s, ended_s=ended_s, through_api=True
    )
    return Attempt(
        attempt_id=attempt_id,
        command_id=side.command_id,
        vehicle_id=side.vehicle_id or "",
        trace_id=side.trace_id or attempt_id,
        source=Source.CUSTOMER,
        started_at=intended_s - clocks.unix_offset_s,
        scheduled_s=rounded(intended_s - clocks.load_began_s),
        outcome=outcome_of(cause),
        cause=cause,
        reason=PROBE_STOPPED if is_cut_short else _reason(side),
        total_s=total_s,
        stages=stages,
        hops_s=hops_s,
        flags=_flags((), cause, side),
        evidence=_evidence(side),
        booking_id=side.booking_id,
        region=build.region,
        operator=build.operator,
        firmware=build.firmware,
        hardware=build.hardware,
        site=build.site or UNSET,
        revision=name.revision,
        sources_missing=(Origin.MQTT,) if is_expected_on_mqtt(side) else (),
        platform=_side_of_record(side, clocks, intended_s, (), car=side.vehicle_id),
    )


def attempt_id_of(side: PlatformSide) -> str:
    """Return the id of an attempt that no command has given one: the same for the same request."""
    first = side.request_ids[0]
    return blake2b(f"request/{first}".encode(), digest_size=16).hexdigest()


def is_expected_on_mqtt(side: PlatformSide) -> bool:
    """Return whether a monitor at the broker should have seen the command."""
    return side.accepted_at is not None or side.outcome in (EXECUTED, REFUSED)


def has_known_end(side: PlatformSide) -> bool:
    """Return whether the platform's word says how an unlock ended, whatever lines are missing."""
    return side.is_turned_down or side.outcome in (EXECUTED, REFUSED, NOT_PUBLISHED)


def cause_of(side: PlatformSide) -> Cause | None:
    """Return why an unlock did not end well of which nothing was seen on MQTT; None: it did."""
    if side.outcome == EXECUTED:
        return None
    if side.outcome == REFUSED:
        reason = _REASONS.get(side.end_reason or "")
        return Cause.UNCLASSIFIED if reason is None else CAUSE_OF_REASON[reason]
    if side.accepted_at is not None:
        return Cause.NOT_OBSERVED
    return _cause_before_broker(side)


def _cause_before_broker(side: PlatformSide) -> Cause:
    """Return why no command came to the broker."""
    if side.outcome == NOT_PUBLISHED:
        why = (side.end_reason or "").partition(":")[0]
        return _CAUSE_OF_NOT_PUBLISHED.get(why, Cause.NOT_PUBLISHED)
    said = side.api_answer
    problem = None if said is None else said.problem
    if problem == BROKER_UNAVAILABLE.slug or side.published_at is not None:
        return Cause.BROKER_UNREACHABLE
    if said is None:
        return Cause.API_FAILED
    if said.status is None or is_yes(said.status):
        return Cause.NOT_PUBLISHED
    return Cause.API_REFUSED if is_refusal(said.status) else Cause.API_FAILED


def _placed(side: PlatformSide, offset_s: float) -> dict[Stage, float]:
    """Return the stages that the platform saw, on the monitor's clock."""
    has_answer = side.outcome in (EXECUTED, REFUSED)
    times = (
        (Stage.REQUESTED, side.requested_at),
        (Stage.API_ANSWERED, side.answered_at),
        (Stage.PUBLISHED, side.published_at),
        (Stage.BROKER_ACCEPTED, side.accepted_at),
        (Stage.RESULT_RECEIVED, side.ended_at if has_answer else None),
    )
    placed = {stage: at + offset_s for stage, at in times if at is not None}
    if not placed:  # only that a car was woken, or that it ended
        placed[Stage.REQUESTED] = side.first_at + offset_s
    return placed


@cache
def _across(reached: tuple[Stage, ...], from_platform: tuple[Stage, ...]) -> tuple[str, ...]:
    """Return the stages whose hop is between the two clocks."""
    across: list[str] = []
    was_platform: bool | None = None
    for stage in Stage:
        if stage not in reached or stage is Stage.INTENDED:
            continue
        is_platform = stage in from_platform
        if was_platform is not None and is_platform != was_platform:
            across.append(stage.value)
        was_platform = is_platform
    return tuple(across)


def _side_of_record(
    side: PlatformSide,
    clocks: Clocks,
    intended_s: float,
    across: tuple[str, ...],
    *,
    car: str | None,
) -> contract.PlatformSide:
    """Return what the record says of the platform's side; `car` is the one that it is of."""
    uncertainty_s = clocks.uncertainty_s
    said = side.api_answer
    told = contract.PlatformSide(
        requests=max(len(side.request_ids), 1),
        sent_again=max(len(side.sent_at) - 1, 0),
        status=None if said is None else said.status,
        problem=None if said is None else said.problem,
        endpoint=side.endpoint,
        method=side.method,
        app_version=side.app_version,
        api_release=side.api_release,
        account_id=side.account_id,
        vehicle_id=None if side.vehicle_id == car else side.vehicle_id,
        ended_s=_seconds_after_intended(side.ended_at, clocks, intended_s),
        outcome=side.outcome,
        clock_ahead_s=rounded(clocks.ahead_s),
        clock_uncertainty_s=None if uncertainty_s is None else rounded(uncertainty_s),
        hops_across=across,
    )
    seldom = (side.distance_m, side.position, side.woken_at, side.hung_up_at)
    if seldom == (None, None, None, None):
        return told
    return msgspec.structs.replace(
        told,
        distance_m=side.distance_m,
        position=side.position,
        woken_s=_seconds_after_intended(side.woken_at, clocks, intended_s),
        hung_up_s=_seconds_after_intended(side.hung_up_at, clocks, intended_s),
    )


def _with_own(
    asked: contract.PlatformSide | UnsetType, told: contract.PlatformSide
) -> contract.PlatformSide:
    """Return what the log tells, with what we asked ourselves where it does not say that."""
    if not asked:
        return told
    return msgspec.structs.replace(
        told,
        method=told.method or asked.method,
        endpoint=told.endpoint or asked.endpoint,
        status=told.status or asked.status,
        problem=told.problem or asked.problem,
    )


def _seconds_after_intended(at: float | None, clocks: Clocks, intended_s: float) -> float | None:
    return None if at is None else rounded(at + clocks.offset_s - intended_s)


def _flags(flags: tuple[Flag, ...], cause: Cause | None, side: PlatformSide) -> tuple[Flag, ...]:
    if side.woken_at is not None and Flag.WOKEN not in flags:
        flags = (*flags, Flag.WOKEN)
    if cause is None and is_error(side.status):
        flags = (*flags, Flag.TOLD_OTHERWISE)
    return flags


def _reason(side: PlatformSide) -> str | None:
    said = side.api_answer
    if side.outcome is None and said is not None and is_error(said.status):
        words = ": ".join(part for part in (said.problem, said.reason) if part)
        return f"HTTP {said.status} {words}".rstrip()
    if side.is_left and not side.is_command_sent:
        return LEFT_UNANSWERED
    return side.reason


def _evidence(side: PlatformSide) -> dict[str, Any]:
    said = side.api_answer
    facts = {
        "status": None if said is None else said.status,
        "problem": None if said is None else said.problem,
        "platform_outcome": side.outcome,
    }
    return {name: fact for name, fact in facts.items() if fact is not None}
