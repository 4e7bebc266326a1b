"""What the display of a run shows, in the text file of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.progress_player import ProgressPlayer
from tests.helpers.transcripts import Story, named_stories, played

STORIES = [
    pytest.param(story, id=f"{name}-{story.name}")
    for name, story in named_stories(Path(__file__).parent)
]
"""`tests/helpers/progress_player.py` says what their verbs mean."""


@pytest.mark.parametrize("story", STORIES)
def test_a_display_shows_what_the_story_says(story: Story) -> None:
    """The new lines in a pipe, or what stands on a terminal."""
    assert played(story, ProgressPlayer) == story.text
