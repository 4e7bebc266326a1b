"""What is remembered of past commands: how much, for how long, and at what cost."""

from __future__ import annotations

import gc

import pytest

from fleet_wire.contract.attempt import Source, Stage
from fleet_wire.contract.messages import Phase, Reason, Result
from platform_probe.measure.attempts.open_attempt import OpenAttempt
from platform_probe.measure.attempts.past_commands import (
    EVERY_ANSWER,
    PastAttempt,
    PastCommands,
    UnfollowedCommand,
)
from platform_probe.measure.attempts.start import Start

WINDOW_S = 600.0


def open_attempt_of(command_id: str, *answers: Phase) -> OpenAttempt:
    """Return an attempt, begun at second 0, with these answers."""
    start = Start(
        attempt_id=f"attempt-{command_id}",
        command_id=command_id,
        vehicle_id="car-1",
        trace_id="t1",
        source=Source.PROBE,
        intended_s=0.0,
    )
    attempt = OpenAttempt(start, started_at=0.0, scheduled_s=0.0, deadline_s=20.0)
    for phase in answers:
        if phase is Phase.RECEIVED:
            attempt.reached_s[Stage.BOX_RECEIVED] = 1.0
        else:
            attempt.result = Result(command_id, phase, Reason.BUSY)
    return attempt


@pytest.mark.parametrize(
    "answers", [(), (Phase.RECEIVED,), (Phase.REFUSED,), (Phase.RECEIVED, Phase.EXECUTED)]
)
@pytest.mark.parametrize("is_ok", [True, False])
def test_what_the_car_has_answered_is_remembered(
    answers: tuple[Phase, ...], *, is_ok: bool
) -> None:
    """After a bad end the other answers can still come; after a good one nothing new can."""
    remembered = PastCommands(window_s=WINDOW_S)
    remembered.add_attempt(open_attempt_of("c1", *answers), 20.0, is_ok=is_ok)
    answered = EVERY_ANSWER if is_ok else answers
    assert remembered.get("c1", 20.0) == PastAttempt(
        "attempt-c1", "car-1", 0.0, 20.0 + WINDOW_S, answered, Source.PROBE, is_observed=True
    )


def test_the_window_is_over_before_the_command_is_forgotten() -> None:
    """What a command was depends on the time alone, not on when somebody tidied up."""
    remembered = PastCommands(window_s=WINDOW_S)
    remembered.add_unfollowed("k1", 0.0)
    assert remembered.get("k1", WINDOW_S - 0.001) == UnfollowedCommand(WINDOW_S)
    assert remembered.get("k1", WINDOW_S) is None
    assert "k1" in remembered
    remembered.forget(WINDOW_S)
    assert "k1" not in remembered


def test_the_oldest_are_forgotten_first() -> None:
    """The number is bounded, whatever the commands were."""
    remembered = PastCommands(window_s=WINDOW_S, max_commands=2)
    remembered.add_unfollowed("k1", 0.0)
    remembered.add_attempt(open_attempt_of("c1"), 1.0, is_ok=False)
    remembered.add_unfollowed("k2", 2.0)
    assert [name for name in ("k1", "c1", "k2") if name in remembered] == ["c1", "k2"]


def test_the_garbage_collector_has_nothing_to_look_at() -> None:
    """However many are remembered, and however they ended, it has no more objects to visit."""
    remembered = PastCommands(window_s=WINDOW_S)
    attempts = [
        open_attempt_of(f"c{number}", Phase.RECEIVED, Phase.REFUSED) for number in range(300)
    ]
    before = len(gc.get_objects())
    for number, attempt in enumerate(attempts):
        remembered.add_attempt(attempt, 20.0, is_ok=number % 3 == 0)
        remembered.add_unfollowed(f"k{number}", 20.0)
        past = remembered.get(f"c{number}", 20.0)
        if isinstance(past, PastAttempt) and number % 3 == 1:
            past.add_answer(Phase.EXECUTED)
    assert len(gc.get_objects()) - before < 20
