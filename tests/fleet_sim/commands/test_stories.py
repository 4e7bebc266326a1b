"""What commands print, in the text files of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.run_player import RunPlayer
from tests.helpers.transcripts import Story, named_stories, played

STORIES = [
    pytest.param(story, id=f"{name}-{story.name}")
    for name, story in named_stories(Path(__file__).parent)
]
"""`tests/helpers/run_player.py` says what their verbs mean."""


@pytest.mark.parametrize("story", STORIES)
def test_a_command_prints_what_the_story_says(story: Story) -> None:
    """Its lines, and its exit code where that is not 0."""
    assert played(story, RunPlayer) == story.text
