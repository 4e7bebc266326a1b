"""What is remembered of past commands: how much, for how long, and at what cost."""

from __future__ import annotations

import gc

from fleet_wire.contract.attempt import Source, Stage
from fleet_wire.contract.messages import Phase, Reason, Result
from platform_probe.measure.attempts.open_attempt import OpenAttempt
from platform_probe.measure.attempts.past_commands import (
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


def test_the_window_is_over_before_the_command_is_forgotten() -> None:
    """What a command was depends on the time alone, not on when somebody tidied up."""
    remembered = PastCommands(window_s=WINDOW_S)
    remembered.add_unfollowed("k1", 0.0)
    assert remembered.get("k1", WINDOW_S - 0.001) == UnfollowedCommand(WINDOW_S)
    assert remembered.get("k1", WINDOW_S) is None
    assert "k1" in remembered
    remembered.forget(WINDOW_S)
    assert "k1" not in remembered


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
