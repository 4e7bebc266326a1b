"""Answers outside of an open attempt: late, a repetition, or asked for by nobody."""

from __future__ import annotations

from fleet_wire.contract.attempt import StrayAnswer, StrayKind
from fleet_wire.contract.messages import Phase, Result
from platform_probe.measure.attempts.past_commands import PastAttempt


def stray_answer(
    vehicle_id: str, result: Result, past: PastAttempt | None, *, now_s: float, unix_s: float
) -> StrayAnswer:
    """Return the record of an answer to the command of `past`, None where nobody remembers it.

    The answer is noted in `past`: the same answer again is a repetition.
    """
    kind = _kind_of(vehicle_id, result.phase, past)
    was_observed = past is not None and past.is_observed
    return StrayAnswer(
        kind=kind,
        vehicle_id=vehicle_id,
        command_id=result.command_id,
        phase=result.phase.value,
        reason=None if result.reason is None else result.reason.value,
        at=unix_s,
        attempt_id=past.attempt_id if past else None,
        after_s=round(now_s - past.started_s, 6) if past else None,
        source=past.source if past else None,
        is_late_unlock=kind is StrayKind.LATE and was_observed and result.phase is Phase.EXECUTED,
    )


def _kind_of(vehicle_id: str, phase: Phase, past: PastAttempt | None) -> StrayKind:
    if past is None or past.vehicle_id != vehicle_id:
        return StrayKind.ORPHAN
    if phase in past.answers:
        return StrayKind.DUPLICATE
    past.add_answer(phase)
    return StrayKind.LATE
