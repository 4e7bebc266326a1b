"""What pages of the console show, in the text files of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.store_player import StorePlayer
from tests.helpers.transcripts import Story, named_stories, played

STORIES = [
    pytest.param(story, id=f"{name}-{story.name}")
    for name, story in named_stories(Path(__file__).parent)
]
"""`tests/helpers/store_player.py` says what their verbs mean."""


@pytest.mark.parametrize("story", STORIES)
def test_a_page_shows_what_the_story_says(story: Story) -> None:
    """Its lines, or what matches of its HTML."""
    assert played(story, StorePlayer) == story.text
