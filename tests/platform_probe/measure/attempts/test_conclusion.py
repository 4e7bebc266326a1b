"""Causes: each that the probe can conclude has a story that ends in it, in `conclusion.txt`."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet_wire.contract.causes import CAUSES, Cause
from fleet_wire.contract.messages import Reason
from platform_probe.measure.attempts.conclusion import CAUSE_OF_REASON
from tests.helpers.transcripts import stories

STORIES = {story.name: story.text for story in stories(Path(__file__).with_name("conclusion.txt"))}
BY_THE_PLATFORM = {Cause.API_REFUSED, Cause.API_FAILED}


@pytest.mark.parametrize("cause", [cause for cause in Cause if cause not in BY_THE_PLATFORM])
def test_every_cause_has_a_story_that_ends_in_it(cause: Cause) -> None:
    """Each record of the story of its name has the cause, and the outcome of the cause."""
    ends = [line for line in STORIES[cause.value].splitlines() if line.startswith("= #")]
    assert ends
    assert all(f": {CAUSES[cause].outcome} {cause} " in line for line in ends)


def test_every_refusal_has_a_cause() -> None:
    """Whatever reason a box gives."""
    assert set(CAUSE_OF_REASON) == set(Reason)
