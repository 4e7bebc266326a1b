"""An inbox: what comes on a topic, and what becomes of it, on every kind of wire."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.inbox_player import InboxPlayer
from tests.helpers.transcripts import Story, named_stories, played

STORIES = [
    pytest.param(story, id=f"{name}-{story.name}")
    for name, story in named_stories(Path(__file__).parent)
]
"""`tests/helpers/inbox_player.py` says what their verbs mean."""


@pytest.mark.parametrize("story", STORIES)
def test_what_comes_is_followed_as_the_story_says(story: Story) -> None:
    """Each record, what breaks the contract, and what is known of cars."""
    assert played(story, InboxPlayer) == story.text
