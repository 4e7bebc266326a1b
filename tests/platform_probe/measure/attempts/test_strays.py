"""What an answer outside of its attempt is: each answer of each car after each end."""

from __future__ import annotations

import pytest

from fleet_wire.contract.attempt import Source, StrayAnswer, StrayKind
from fleet_wire.contract.messages import Phase, Result
from platform_probe.measure.attempts.past_commands import EVERY_ANSWER, PastAttempt
from platform_probe.measure.attempts.strays import stray_answer

CAR = "car-1"
RECEIVED, EXECUTED, REFUSED = Phase.RECEIVED, Phase.EXECUTED, Phase.REFUSED
LATE, DUPLICATE, ORPHAN = StrayKind.LATE, StrayKind.DUPLICATE, StrayKind.ORPHAN


def stray_of(past: PastAttempt | None, phase: Phase, vehicle_id: str = CAR) -> StrayAnswer:
    """Return what an answer is that comes at second 30."""
    return stray_answer(vehicle_id, Result("c1", phase), past, now_s=30.0, unix_s=1_000.0)


def past_of(*answers: Phase, is_observed: bool = True) -> PastAttempt:
    """Return a customer's attempt that began at second 5 and ended with these answers."""
    return PastAttempt("a1", CAR, 5.0, 620.0, answers, Source.CUSTOMER, is_observed)


@pytest.mark.parametrize(
    ("answers", "kinds"),
    [
        ((), {RECEIVED: LATE, EXECUTED: LATE, REFUSED: LATE}),
        ((RECEIVED,), {RECEIVED: DUPLICATE, EXECUTED: LATE, REFUSED: LATE}),
        ((REFUSED,), {RECEIVED: LATE, EXECUTED: LATE, REFUSED: DUPLICATE}),
        ((RECEIVED, EXECUTED), {RECEIVED: DUPLICATE, EXECUTED: DUPLICATE, REFUSED: LATE}),
        (EVERY_ANSWER, {RECEIVED: DUPLICATE, EXECUTED: DUPLICATE, REFUSED: DUPLICATE}),
    ],
)
def test_new_answers_are_late_and_old_ones_are_repeated(
    answers: tuple[Phase, ...], kinds: dict[Phase, StrayKind]
) -> None:
    """What the car has not said before its attempt ended comes late, once."""
    for phase, kind in kinds.items():
        past = past_of(*answers)
        of_another = stray_of(past, phase, "car-2")
        assert (of_another.kind, of_another.is_late_unlock) == (ORPHAN, False)
        assert [stray_of(past, phase).kind, stray_of(past, phase).kind] == [kind, DUPLICATE]
        assert stray_of(None, phase).kind is ORPHAN


def test_the_record_names_the_attempt() -> None:
    """Whoever reads it finds the attempt, and how long ago it began."""
    assert stray_of(past_of(), EXECUTED) == StrayAnswer(
        kind=LATE, vehicle_id=CAR, command_id="c1", phase="executed", at=1_000.0,
        attempt_id="a1", after_s=25.0, source=Source.CUSTOMER, is_late_unlock=True,
    )  # fmt: skip


def test_only_an_executed_command_that_was_followed_to_its_end_opens_late() -> None:
    """The customer may have got an answer that the probe missed; and a box may say it again."""
    assert not stray_of(past_of(), RECEIVED).is_late_unlock
    assert not stray_of(past_of(), REFUSED).is_late_unlock
    unseen = stray_of(past_of(is_observed=False), EXECUTED)
    assert (unseen.kind, unseen.is_late_unlock) == (LATE, False)
    for past in (past_of(EXECUTED), past_of(*EVERY_ANSWER), None):
        assert not stray_of(past, EXECUTED).is_late_unlock
    assert stray_of(None, EXECUTED).source is None
