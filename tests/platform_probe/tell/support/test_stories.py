"""What support reads about an unlock: its story, what to say and do, by what a store has of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.store_player import StorePlayer
from tests.helpers.transcripts import Story, named_stories, played

STORIES = [
    pytest.param(story, id=f"{name}-{story.name}")
    for name, story in named_stories(Path(__file__).parent)
]
"""`tests/helpers/store_player.py` says what their verbs mean. Advice is shown by its keys."""


@pytest.mark.parametrize("story", STORIES)
def test_support_is_told_what_the_story_says(story: Story) -> None:
    """What to say and do, who must act, and what is known of the unlock."""
    assert played(story, StorePlayer) == story.text
