"""Files that users write, in the text file of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.config_player import ConfigPlayer
from tests.helpers.transcripts import Story, named_stories, played

STORIES = [pytest.param(story, id=story.name) for _, story in named_stories(Path(__file__).parent)]
"""`tests/helpers/config_player.py` says what their verbs mean."""


@pytest.mark.parametrize("story", STORIES)
def test_a_file_is_read_or_refused_as_the_story_says(story: Story) -> None:
    """Each problem has its line and key, or the option that brought the value."""
    assert played(story, ConfigPlayer) == story.text
