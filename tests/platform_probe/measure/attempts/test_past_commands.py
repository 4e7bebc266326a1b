"""What is remembered of past commands: how much, for how long, and at what cost."""

from __future__ import annotations

import gc

from fleet_wire.contract.messages import Phase, Reason, Result
from platform_probe.measure.attempts.past_commands import (
    PastAttempt,
    PastCommands,
    UnfollowedCommand,
)
from tests.helpers.tracker_bench import TrackerBench

WINDOW_S = 600.0


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
    bench = TrackerBench()
    attempts = [bench.start(f"c{number}") for number in range(300)]
    for number, attempt in enumerate(attempts):
        bench.received(f"c{number}")
        attempt.result = Result(f"c{number}", Phase.REFUSED, Reason.BUSY)
    before = len(gc.get_objects())
    for number, attempt in enumerate(attempts):
        remembered.add_attempt(attempt, 20.0, is_ok=number % 3 == 0)
        remembered.add_unfollowed(f"k{number}", 20.0)
        past = remembered.get(f"c{number}", 20.0)
        if isinstance(past, PastAttempt) and number % 3 == 1:
            past.add_answer(Phase.EXECUTED)
    assert len(gc.get_objects()) - before < 20
