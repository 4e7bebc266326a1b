"""What the lines of the platform's log are in words."""

from __future__ import annotations

import pytest

from fleet_wire.contract.platform_log import PlatformStep
from platform_probe.tell.support.timeline import _event
from tests.helpers.english import ENGLISH


@pytest.mark.parametrize("step", PlatformStep)
def test_each_step_has_words_of_its_own(step: PlatformStep) -> None:
    """None is told by its name."""
    event = {"event": step, "operation": "unlock", "reason": None, "status": None, "problem": None}
    _, what = _event({**event, "outcome": "executed", "shown": None, "app_version": None}, None)
    assert not ENGLISH.say(what).startswith(f"{step}:")
