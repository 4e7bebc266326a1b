"""Answers without ids: to whom they belong, and to whom not."""

from __future__ import annotations

import msgspec

from fleet_wire.contract.messages import Action, Command, Phase, Result
from fleet_wire.contract.partial import UNNAMED
from platform_probe.measure.watching.only_open import MAX_VEHICLES, OnlyOpen
from tests.helpers.fake_clock import FakeClock

CAR = "car-1"
EXECUTED, RECEIVED = Result(UNNAMED, Phase.EXECUTED), Result(UNNAMED, Phase.RECEIVED)
UNLOCK = Command(UNNAMED, Action.UNLOCK, 0, 0, 0, "")


def of(clock: FakeClock) -> OnlyOpen:
    """Return one that waits 20 s, and remembers for 600."""
    return OnlyOpen(clock, patience_s=20.0, window_s=600.0, has_copies=False)


def whose(only: OnlyOpen, vehicle_id: str, result: Result) -> str:
    """Return the id of the command that an answer is taken to belong to."""
    return only.answer(vehicle_id, result)[0].command_id


def test_an_answer_belongs_to_the_only_command() -> None:
    """`received` leaves it open, and the final answer takes it."""
    only = of(FakeClock())
    only.add_own_command(CAR, "c1", Action.UNLOCK)
    assert whose(only, CAR, RECEIVED) == "c1"
    assert whose(only, CAR, EXECUTED) == "c1"
    assert whose(only, CAR, EXECUTED) == UNNAMED
    assert whose(only, "car-2", EXECUTED) == UNNAMED


def test_a_command_with_an_id_is_known_by_it() -> None:
    """Correlation Data names ours; another's is noted under its own name."""
    only = of(FakeClock())
    only.add_own_command(CAR, "c1", Action.UNLOCK)
    for command_id in ("c1", "theirs"):
        named = msgspec.structs.replace(UNLOCK, command_id=command_id)
        assert only.command(CAR, named) is named
    assert [whose(only, CAR, EXECUTED) for _ in range(3)] == ["c1", "theirs", UNNAMED]


def test_memory_is_bounded() -> None:
    """A car that is never answered, and cars without end, are forgotten."""
    only = of(FakeClock())
    for number in range(20):
        only.add_own_command(CAR, f"c{number}", Action.UNLOCK)
    assert whose(only, CAR, EXECUTED) == "c12"
    for number in range(MAX_VEHICLES):
        only.add_own_command(f"car-x{number}", "c", Action.UNLOCK)
    assert whose(only, CAR, EXECUTED) == UNNAMED
