"""What is made of the runs of a sweep, in the text file of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.sweep_player import SweepPlayer
from tests.helpers.transcripts import Story, named_stories, played

STORIES = [
    pytest.param(story, id=f"{name}-{story.name}")
    for name, story in named_stories(Path(__file__).parent)
]
"""`tests/helpers/sweep_player.py` says what their verbs mean."""


@pytest.mark.parametrize("story", STORIES)
def test_a_sweep_shows_what_the_story_says(story: Story) -> None:
    """In its report, its plots and its table."""
    assert played(story, SweepPlayer) == story.text
