"""Every cause has something to say and something to do."""

from __future__ import annotations

import pytest

from fleet_wire.contract.causes import CAUSES, Cause, Outcome
from fleet_wire.modes.catalogue import MODES
from platform_probe.support.advice import (
    advice_for,
    ended_as,
    explanation_of,
    meaning_of,
)


@pytest.mark.parametrize("cause", [*Cause, None])
def test_every_cause_has_its_advice(cause: Cause | None) -> None:
    """Whole sentences; where the door may have opened nobody is told that it did not."""
    advice = advice_for(cause)
    for text in (advice.say, advice.do, explanation_of(cause)):
        assert text[0].isupper()
        assert text.endswith(".")
    if cause is not None and CAUSES[cause].outcome is Outcome.UNKNOWN:
        assert ended_as(cause) == "is not known to have opened"
    assert len({advice_for(each) for each in Cause}) == len(Cause)


@pytest.mark.parametrize("mode", MODES)
def test_failure_mode_says_it_better(mode: str) -> None:
    """Where one is likely, its own sentences are told; its team is named."""
    advice = advice_for(Cause.BOX_SILENT, mode=mode)
    assert advice.say == MODES[mode].customer
    assert MODES[mode].acts in advice.do
    assert meaning_of(mode).endswith(".")


def test_unknown_mode_changes_nothing() -> None:
    """What is not in the catalogue has no sentences."""
    assert advice_for(Cause.BOX_SILENT, mode="unknown") == advice_for(Cause.BOX_SILENT)


def test_car_that_opened_later_is_to_be_locked() -> None:
    """Whatever the cause says: first somebody looks after the open car."""
    advice = advice_for(Cause.BOX_OFFLINE, opened_later=True)
    assert "opened" in advice.say
    assert advice.do.startswith("The car has OPENED")
