"""Drafts: the profile that comes of what is heard of a fleet, in the text file of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.draft_player import DraftPlayer
from tests.helpers.transcripts import Story, played, stories

STORIES = tuple(stories(Path(__file__).with_name("drafting.txt")))
"""`tests/helpers/draft_player.py` says what their verbs mean."""


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_a_draft_says_what_the_story_says(story: Story) -> None:
    """Its lines, and what it makes of messages."""
    assert played(story, DraftPlayer) == story.text
