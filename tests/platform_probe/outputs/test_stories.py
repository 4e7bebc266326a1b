"""Metrics: the series that each record and each event moves, in `counts.txt`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.count_player import CountPlayer
from tests.helpers.transcripts import Story, played, stories

STORIES = tuple(stories(Path(__file__).with_name("counts.txt")))
"""`tests/helpers/count_player.py` says what their verbs mean."""


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_what_is_counted_moves_the_series_of_the_story(story: Story) -> None:
    """Each series that moved, with its value, and no other."""
    assert played(story, CountPlayer) == story.text
