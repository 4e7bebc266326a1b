"""The lean link against a broker that is played, in the text file of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.link_player import LinkPlayer
from tests.helpers.transcripts import Story, named_stories, played

STORIES = [pytest.param(story, id=story.name) for _, story in named_stories(Path(__file__).parent)]
"""`tests/helpers/link_player.py` says what their verbs mean."""


@pytest.mark.parametrize("story", STORIES)
def test_a_link_does_what_the_story_says(story: Story) -> None:
    """Writes to its broker, and tells its owner."""
    assert played(story, LinkPlayer) == story.text
