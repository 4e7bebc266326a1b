"""Cars are locked again after synthetic unlocks: tries, failures, customers, bookings."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.relock_player import RelockPlayer
from tests.helpers.transcripts import Story, played, stories

STORIES = tuple(stories(Path(__file__).with_name("relocks.txt")))
"""`tests/helpers/relock_player.py` says what their verbs mean. A lock has 8 s, and three tries."""


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_a_car_is_locked_as_the_story_says(story: Story) -> None:
    """Each lock that is sent, what is logged, and how many cars were locked, failed or left."""
    assert played(story, RelockPlayer) == story.text
