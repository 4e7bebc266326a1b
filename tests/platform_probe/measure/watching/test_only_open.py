"""Answers without ids: to whom they belong, and to whom not."""

from __future__ import annotations

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


def test_memory_is_bounded() -> None:
    """A car that is never answered, and cars without end, are forgotten."""
    only = of(FakeClock())
    for number in range(20):
        only.add_own_command(CAR, f"c{number}", Action.UNLOCK)
    assert whose(only, CAR, EXECUTED) == "c12"
    for number in range(MAX_VEHICLES):
        only.add_own_command(f"car-x{number}", "c", Action.UNLOCK)
    assert whose(only, CAR, EXECUTED) == UNNAMED
