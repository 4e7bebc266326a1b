"""Answers without ids: to whom they belong, and to whom not."""

from __future__ import annotations

from fleet_wire.contract.messages import Action, Phase, Result
from fleet_wire.contract.partial import UNNAMED
from platform_probe.measure.watching.only_open import MAX_VEHICLES, OnlyOpen
from tests.helpers.fake_clock import FakeClock

CAR = "car-1"


def test_memory_is_bounded() -> None:
    """A car that is never answered, and cars without end, are forgotten."""
    only = OnlyOpen(FakeClock(), patience_s=20.0, window_s=600.0, has_copies=False)

    def answered() -> str:
        """Return the id of the command that an answer of the car is taken to belong to."""
        return only.answer(CAR, Result(UNNAMED, Phase.EXECUTED))[0].command_id

    for number in range(20):
        only.add_own_command(CAR, f"c{number}", Action.UNLOCK)
    assert answered() == "c12"
    for number in range(MAX_VEHICLES):
        only.add_own_command(f"car-x{number}", "c", Action.UNLOCK)
    assert answered() == UNNAMED
